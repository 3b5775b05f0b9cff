"""The network cut into pieces that `export.py` traces and joins.

Every piece takes and gives plain tensors without the batch axis of training: what one window knows
of n objects, B actions and K samples of them, N = B * K * n bodies.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from world_model_node.model.belief import Belief, Watched
from world_model_node.model.contact.grasping import Start
from world_model_node.model.hidden_state import Posterior
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.involved import Involved
from world_model_node.model.physics.rollout import Rolled
from world_model_node.model.physics.setting import Setting
from world_model_node.model.physics.state import Bodies, Motion


class Flat(NamedTuple):
    """`Setting` as plain tensors; what no step reads is left out."""

    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, setting: Setting) -> Flat:
        """Bodies, the rest, and what was held at first."""
        return cls((*setting.bodies, *setting[1:9], *setting.start))

    def setting(self, objects: int, pairs: bool) -> Setting:
        """Back."""
        count = len(Bodies._fields)
        last = -len(Start._fields)
        bodies, rest = Bodies(*self.tensors[:count]), self.tensors[count:last]
        return Setting(bodies, *rest, objects, Start(*self.tensors[last:]), pairs)


class UpdateGraph(nn.Module):
    """A window to a belief and hidden properties."""

    def __init__(self, network: WorldNetwork, noise: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer('noise', noise)

    def forward(self, *window: Tensor) -> tuple[Tensor, ...]:
        """The fields of `BeliefArrays`."""
        watched = Watched(*(value.unsqueeze(0) for value in window))
        belief = self.network.update(watched)
        noise = _for_each(self.noise, watched)
        properties = self.network.properties(belief, watched, noise)
        arrays = (belief.state, belief.shape, *belief.posterior, properties)
        return tuple(value[0] for value in arrays)


class BeginGraph(nn.Module):
    """Belief, window and actions to the samples as they are now."""

    def __init__(self, network: WorldNetwork, noise: Tensor, parts: Involved) -> None:
        super().__init__()
        self.network, self.parts = network, parts
        self.register_buffer('noise', noise)

    def forward(self, actions: Tensor, *belief_and_window: Tensor) -> tuple[Tensor, ...]:
        """The motion, the setting, the hand's path (H, S, C, B) if there is a hand."""
        belief, watched = _believed(belief_and_window)
        noise = _for_each(self.noise, watched)
        drawn = self.network.belief.hidden_state.draw(belief.posterior, watched, noise)
        rollout = self.network.rollout
        motion, setting, path = rollout.begin(
            belief, watched, drawn, actions.unsqueeze(0), self.parts
        )
        paths = () if path is None else (path.unflatten(0, (-1, rollout.substeps)),)
        return (*motion, *Flat.of(setting).tensors, *paths)


STATES = len(Motion._fields)


class StepGraph(nn.Module):
    """50 ms of all samples."""

    def __init__(self, network: WorldNetwork, parts: Involved) -> None:
        super().__init__()
        self.rollout, self.parts = network.rollout, parts

    def forward(self, objects: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        """The motion after it and a row of `Rolled`; of `objects` (n, .) only the size counts."""
        flat = values[STATES:-1] if self.parts.hand else values[STATES:]
        setting = Flat(flat).setting(objects.shape[0], self.parts.pairs)
        path = values[-1] if self.parts.hand else None
        motion, row = self.rollout.advance(Motion(*values[:STATES]), setting, path, 0)
        return (*motion, *row)


class FinishGraph(nn.Module):
    """Samples to mean and covariance."""

    def __init__(self, network: WorldNetwork, samples: int) -> None:
        super().__init__()
        self.network, self.samples = network, samples

    def forward(
        self,
        actions: Tensor,
        state: Tensor,
        shape: Tensor,
        place: Tensor,
        motion: Tensor,
        held: Tensor,
        *rolled: Tensor,
    ) -> tuple[Tensor, ...]:
        """The fields of `ImaginedArrays`."""
        belief = Belief(state.unsqueeze(0), shape.unsqueeze(0), None)
        seen = {'place': place, 'motion': motion, 'held': held}
        window = Watched(*(None,) * len(Watched._fields))
        window = window._replace(**{name: value.unsqueeze(0) for name, value in seen.items()})
        sizes = (1, actions.shape[0], self.samples, state.shape[0])
        imagined = self.network.gathered(belief, window, Rolled(*rolled), sizes)
        return tuple(value[0] for value in imagined)


def _for_each(noise: Tensor, watched: Watched) -> Tensor:
    n = watched.present.shape[1]
    return noise[None, :, None].expand(1, -1, n, -1)


def _believed(values: tuple[Tensor, ...]) -> tuple[Belief, Watched]:
    values = tuple(value.unsqueeze(0) for value in values)
    return Belief(values[0], values[1], Posterior(*values[2:5])), Watched(*values[5:])
