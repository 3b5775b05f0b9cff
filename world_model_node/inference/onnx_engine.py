"""Run the learned world model on the CPU with ONNX Runtime: the default."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from world_model_node.inference.engine import BeliefArrays, ImaginedArrays
from world_model_node.model.card import IMAGINE_GRAPHS, UPDATE_GRAPH, WorldModelCard, read_card
from world_model_node.model.features.input_window import InputWindow
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model_files import read_checked

THREADS = 1  # tensors are small: more only get in each other's way


class OnnxEngine:
    """Sessions of every graph of a model.

    Args:
        folder: With the graphs and the card.
        threads: That one call may use.

    Raises:
        BadInputError: A file is missing, changed or no such graph.
        ImportError: ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path, threads: int = THREADS) -> None:
        card = read_card(folder)
        self.name = f'onnxruntime {card.short_hash}'
        self._update = _Session(folder, UPDATE_GRAPH, card, threads)
        self._imagine = {
            active: _Session(folder, name, card, threads)
            for active, name in IMAGINE_GRAPHS.items()
        }

    def update(self, window: InputWindow) -> BeliefArrays:
        """What is believed after what was watched."""
        return BeliefArrays(*self._update.run(window._asdict()))

    def imagine(
        self,
        belief: BeliefArrays,
        window: InputWindow,
        actions: np.ndarray,
        active: ActiveContacts,
    ) -> ImaginedArrays:
        """The future under every action."""
        arrays = {**belief._asdict(), **window._asdict(), 'actions': actions}
        return ImaginedArrays(*self._imagine[active].run(arrays))


class _Session:
    """One graph, given arrays by name; what it does not read is left out."""

    def __init__(self, folder: Path, name: str, card: WorldModelCard, threads: int) -> None:
        import onnxruntime

        if name not in card.graphs:
            raise BadInputError(
                f'model {folder}: got no {name}, expected what `sakiyomi export` adds'
            )
        content = read_checked(folder, name, card.graphs[name])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        # an arena of each graph keeps the most that any number of objects has ever needed
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = 3  # of how it optimises, nobody needs to know
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # onnxruntime's errors share no base class
            reason = ' '.join(str(error).split())[:200]
            raise BadInputError(f'model {folder / name}: got no ONNX graph: {reason}') from error
        self._inputs = tuple(value.name for value in self._session.get_inputs())

    def run(self, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Its outputs in their order."""
        feed = {name: np.asarray(arrays[name], np.float32) for name in self._inputs}
        return self._session.run(None, feed)
