"""Which engine runs the learned world model: the best that works, each step down said aloud."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from sakiyomi.errors import BadInputError
from world_model_node.inference.engine import WorldModelEngine
from world_model_node.model.card import read_card

FALLBACKS = ('tensorrt', 'onnxruntime', 'torch')  # each falls to the next
log = logging.getLogger(__name__)


def make_engine(requested: str, folder: Path) -> WorldModelEngine:
    """The engine of that name, or the first of those after it that works.

    Args:
        requested: 'auto' or one of `FALLBACKS`; 'auto' takes TensorRT only where there is a GPU.
        folder: With the model.

    Raises:
        BadInputError: None works.
    """
    if requested == 'auto':
        requested = 'tensorrt' if _has_gpu() else 'onnxruntime'
    reasons = []
    for name in FALLBACKS[FALLBACKS.index(requested) :]:
        try:
            return _shared(name, folder.resolve(), str(read_card(folder)))
        except (BadInputError, ImportError, RuntimeError) as error:  # CUDA's are of the last kind
            reasons.append(f'{name}: {" ".join(str(error).split())}')
            log.warning('engine does not work: %s', reasons[-1])
    raise BadInputError('no engine runs the world model: ' + '; '.join(reasons))


@lru_cache(maxsize=4)
def _shared(name: str, folder: Path, _card: str) -> WorldModelEngine:
    """One engine per model in a process: it keeps nothing between calls, and is slow to make."""
    return ENGINE_FACTORIES[name](folder)


def _make_tensorrt(folder: Path) -> WorldModelEngine:
    from world_model_node.inference.tensorrt_engine import TensorRTEngine

    return TensorRTEngine(folder)


def _make_onnxruntime(folder: Path) -> WorldModelEngine:
    from world_model_node.inference.onnx_engine import OnnxEngine

    return OnnxEngine(folder)


def _make_torch(folder: Path) -> WorldModelEngine:
    from world_model_node.inference.torch_engine import TorchEngine

    return TorchEngine(folder)


def _has_gpu() -> bool:
    from world_model_node.inference.gpu import gpu_architecture

    return gpu_architecture() is not None


ENGINE_FACTORIES: dict[str, Callable[[Path], WorldModelEngine]] = {
    'tensorrt': _make_tensorrt,
    'onnxruntime': _make_onnxruntime,
    'torch': _make_torch,
}
