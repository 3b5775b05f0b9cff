"""Run the learned world model with TensorRT; its tensors stay on the GPU between calls.

The building of engines is tested without a GPU. Running them needs one, and none was at hand where
this was written: compare with another engine on a new kind of GPU before relying on it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from sakiyomi.errors import BadInputError
from world_model_node.inference.engine import BeliefArrays, ImaginedArrays
from world_model_node.inference.gpu import gpu_architecture
from world_model_node.inference.tensorrt_build import (
    MAX_ACTIONS,
    build_engine,
    engine_cache_dir,
    tensorrt_library,
    tensorrt_logger,
)
from world_model_node.model.card import IMAGINE_GRAPHS, UPDATE_GRAPH, read_card
from world_model_node.model.features.input_window import InputWindow
from world_model_node.model.physics.active_contacts import ActiveContacts

log = logging.getLogger(__name__)


class TensorRTEngine:
    """Engines of every graph of a model, built where the cache has none.

    Args:
        folder: With the graphs and the card.
        cache: Folder of the engines; None: the user's.

    Raises:
        BadInputError: There is no GPU that can be used, or an engine cannot be built or loaded.
        ImportError: TensorRT or torch is not installed.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        import torch  # only for memory and streams of the GPU

        arch = gpu_architecture()
        if arch is None or not torch.cuda.is_available():
            raise BadInputError(f'TensorRT: got GPU {arch}, expected one that torch can use')
        card = read_card(folder)
        self.name = f'tensorrt {card.short_hash}'
        runtime = tensorrt_library().Runtime(tensorrt_logger())
        paths = {
            graph: build_engine(folder, card, graph, arch, cache or engine_cache_dir())
            for graph in (UPDATE_GRAPH, *IMAGINE_GRAPHS.values())
        }
        self._update = _Context(runtime, paths[UPDATE_GRAPH])
        self._imagine = {
            active: _Context(runtime, paths[graph]) for active, graph in IMAGINE_GRAPHS.items()
        }
        log.warning('TensorRT on %s: not compared with another engine on this kind of GPU', arch)

    def update(self, window: InputWindow) -> BeliefArrays:
        """What is believed after what was watched."""
        outputs = self._update.run(window._asdict())
        return BeliefArrays(*(outputs[name] for name in BeliefArrays._fields))

    def imagine(
        self,
        belief: BeliefArrays,
        window: InputWindow,
        actions: np.ndarray,
        active: ActiveContacts,
    ) -> ImaginedArrays:
        """The future under every action."""
        arrays = {**belief._asdict(), **window._asdict()}
        batches = [
            self._imagine[active].run({**arrays, 'actions': actions[k : k + MAX_ACTIONS]})
            for k in range(0, len(actions), MAX_ACTIONS)
        ]
        columns = ([batch[f'out_{name}'] for batch in batches] for name in ImaginedArrays._fields)
        return ImaginedArrays(*(np.concatenate(column) for column in columns))


class _Context:
    """One engine with its buffers on the GPU."""

    def __init__(self, runtime: Any, path: Path) -> None:
        import torch

        self._trt, self._torch = tensorrt_library(), torch
        self._engine = runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise BadInputError(f'TensorRT {path}: got no engine for this GPU; delete it')
        self._context = self._engine.create_execution_context()
        self._stream = torch.cuda.Stream()
        names = [self._engine.get_tensor_name(k) for k in range(self._engine.num_io_tensors)]
        mode = self._trt.TensorIOMode.INPUT
        self._inputs = [n for n in names if self._engine.get_tensor_mode(n) == mode]
        self._outputs = [n for n in names if n not in self._inputs]
        self._buffers: dict[str, Any] = {}

    def run(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Its outputs by name."""
        torch, context = self._torch, self._context
        with torch.cuda.stream(self._stream):
            for name in self._inputs:
                value = torch.from_numpy(np.ascontiguousarray(arrays[name], np.float32))
                context.set_input_shape(name, tuple(value.shape))
                self._bind_buffer(name, tuple(value.shape)).copy_(value)
            for name in self._outputs:
                self._bind_buffer(name, tuple(context.get_tensor_shape(name)))
            if not context.execute_async_v3(self._stream.cuda_stream):
                raise BadInputError('TensorRT: got no result; its log says why')
            outputs = {name: self._buffers[name].cpu().numpy() for name in self._outputs}
        self._stream.synchronize()
        return outputs

    def _bind_buffer(self, name: str, shape: tuple[int, ...]) -> Any:
        """The buffer of a tensor; a new one where the shape is."""
        buffer = self._buffers.get(name)
        if buffer is None or tuple(buffer.shape) != shape:
            buffer = self._torch.empty(shape, dtype=self._torch.float32, device='cuda')
            self._buffers[name] = buffer
            self._context.set_tensor_address(name, buffer.data_ptr())
        return buffer
