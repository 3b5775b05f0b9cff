"""Which engine runs the learned world model: the best that works, each step down said aloud."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from sakiyomi.errors import BadInputError
from world_model_node.engines.engine import Engine
from world_model_node.model.card import read_card

ORDER = ('tensorrt', 'onnxruntime', 'torch')  # each falls to the next
log = logging.getLogger(__name__)


def make_engine(wanted: str, folder: Path) -> Engine:
    """The engine of that name, or the first of those after it that works.

    Args:
        wanted: 'auto' or one of `ORDER`; 'auto' tries TensorRT only where there is a GPU for it.
        folder: With the model.

    Raises:
        BadInputError: None works.
    """
    if wanted == 'auto':
        wanted = 'tensorrt' if _gpu_for_tensorrt() else 'onnxruntime'
    reasons = []
    for name in ORDER[ORDER.index(wanted) :]:
        try:
            return _shared(name, folder.resolve(), str(read_card(folder)))
        except (BadInputError, ImportError, RuntimeError) as error:  # CUDA's are of the last kind
            reasons.append(f'{name}: {" ".join(str(error).split())}')
            log.warning('engine does not work: %s', reasons[-1])
    raise BadInputError('no engine runs the world model: ' + '; '.join(reasons))


@lru_cache(maxsize=4)
def _shared(name: str, folder: Path, _card: str) -> Engine:
    """One engine per model in a process: it keeps nothing between calls, and is slow to make."""
    return MAKERS[name](folder)


def _tensorrt(folder: Path) -> Engine:
    from world_model_node.engines.tensorrt_engine import TensorRTEngine

    return TensorRTEngine(folder)


def _onnxruntime(folder: Path) -> Engine:
    from world_model_node.engines.onnx_engine import OnnxEngine

    return OnnxEngine(folder)


def _torch(folder: Path) -> Engine:
    from world_model_node.engines.torch_engine import TorchEngine

    return TorchEngine(folder)


def _gpu_for_tensorrt() -> bool:
    from world_model_node.engines.gpu import gpu_architecture

    return gpu_architecture() is not None


MAKERS: dict[str, Callable[[Path], Engine]] = {
    'tensorrt': _tensorrt,
    'onnxruntime': _onnxruntime,
    'torch': _torch,
}
