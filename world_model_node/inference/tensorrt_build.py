"""ONNX graphs to TensorRT engines, kept under the model, the GPU and the library's version.

`tensorrt_rtx` builds for GPUs that are not here; `tensorrt`, as on JetPack, only for its own.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from sakiyomi.errors import BadInputError
from world_model_node.inference.gpu import gpu_architecture
from world_model_node.model.card import WorldModelCard
from world_model_node.model.dimensions import MAX_OBJECTS
from world_model_node.model_files import read_checked

LIBRARIES = ('tensorrt_rtx', 'tensorrt')
MAX_ACTIONS = 64  # at once; more are run in turns
PROFILE_SIZES = (
    (1, 1),
    (4, 16),
    (MAX_OBJECTS, MAX_ACTIONS),
)  # objects, actions: least, usual, most
log = logging.getLogger(__name__)


def tensorrt_library() -> ModuleType:
    """TensorRT.

    Raises:
        ImportError: None of `LIBRARIES` is installed.
    """
    for name in LIBRARIES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError(f'got none of {", ".join(LIBRARIES)}')


def engine_cache_dir() -> Path:
    """Where engines are kept."""
    root = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(root) / 'sakiyomi' / 'engines'


def engine_path(card: WorldModelCard, graph: str, arch: str, folder: Path) -> Path:
    """Of the engine of one graph: another model, GPU or library has another name."""
    trt = tensorrt_library()
    library_version = f'{trt.__name__}{trt.__version__}'
    return folder / f'{Path(graph).stem}_{card.graphs[graph][:12]}_{arch}_{library_version}.engine'


def build_engine(folder: Path, card: WorldModelCard, graph: str, arch: str, out: Path) -> Path:
    """Build the engine of one graph of a model, unless it is there; the file.

    Args:
        folder: Of the model.
        card: Of the model.
        graph: Name of the file.
        arch: As in 'sm89'.
        out: Folder of the engines.

    Raises:
        BadInputError: The graph is missing or changed, TensorRT lacks one of its operators, or
            cannot build for that GPU.
        ImportError: There is no TensorRT.
    """
    if graph not in card.graphs:
        raise BadInputError(
            f'model {folder}: got no {graph}, expected what `sakiyomi export` adds'
        )
    path = engine_path(card, graph, arch, out)
    if not path.is_file():
        content = _build_serialized(read_checked(folder, graph, card.graphs[graph]), graph, arch)
        out.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f'.{os.getpid()}.part')
        partial.write_bytes(content)
        os.replace(partial, path)
    return path


def tensorrt_logger() -> Any:
    """What TensorRT says, in our log; what it only warns of is for those who debug."""
    trt = tensorrt_library()

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            is_error = severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR)
            log.log(logging.ERROR if is_error else logging.DEBUG, 'TensorRT: %s', message)

    return Logger()


def _build_serialized(content: bytes, graph: str, arch: str) -> bytes:
    trt = tensorrt_library()
    logger = tensorrt_logger()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        reasons = '; '.join(parser.get_error(k).desc() for k in range(parser.num_errors))
        raise BadInputError(f'TensorRT: {graph}: {" ".join(reasons.split())[:300]}')
    config = builder.create_builder_config()
    config.add_optimization_profile(_optimization_profile(builder, network))
    _set_target_gpu(trt, config, arch)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BadInputError(f'TensorRT: {graph}: got no engine for {arch}; its log says why')
    return bytes(engine)


def _optimization_profile(builder: Any, network: Any) -> Any:
    """The sizes that every input may have."""
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        sizes = []
        for objects, actions in PROFILE_SIZES:
            free = actions if tensor.name == 'actions' else objects
            sizes.append([free if size < 0 else size for size in tensor.shape])
        profile.set_shape(tensor.name, *sizes)
    return profile


def _set_target_gpu(trt: ModuleType, config: Any, arch: str) -> None:
    """Build for that GPU."""
    if not hasattr(config, 'set_compute_capability'):
        here = gpu_architecture()
        if here != arch:
            raise BadInputError(
                f'{trt.__name__}: got {arch}, expected the GPU that is here: {here}'
            )
        return
    capability = getattr(trt.ComputeCapability, arch.upper(), None)
    if capability is None:
        known = [name.lower() for name in dir(trt.ComputeCapability) if re.match(r'SM\d', name)]
        raise BadInputError(f'--arch: got {arch}, expected one of {", ".join(known)}')
    config.num_compute_capabilities = 1
    config.set_compute_capability(capability, 0)
