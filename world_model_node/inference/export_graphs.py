"""The network cut into pieces that `onnx_export.py` traces and joins.

Every piece takes and gives plain tensors without the batch axis of training: what one window knows
of n objects, B actions and K samples of them, N = B * K * n bodies.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.contact.body_state import BodyBatch, MotionState
from world_model_node.model.contact.grasp_contact import GraspInit
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.physics.rollout import RolloutSamples
from world_model_node.model.physics.rollout_setup import RolloutContext
from world_model_node.model.state_posterior import Posterior


class FlatContext(NamedTuple):
    """`RolloutContext` as plain tensors; what no step reads is left out."""

    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, context: RolloutContext) -> FlatContext:
        """Bodies, the rest, and what was held at first."""
        return cls((*context.bodies, *context[1:9], *context.grasp_init))

    def context(self, objects: int, pairs: bool) -> RolloutContext:
        """Back."""
        count = len(BodyBatch._fields)
        last = -len(GraspInit._fields)
        bodies, rest = BodyBatch(*self.tensors[:count]), self.tensors[count:last]
        return RolloutContext(bodies, *rest, objects, GraspInit(*self.tensors[last:]), pairs)


class UpdateGraph(nn.Module):
    """A window to a belief and hidden properties."""

    def __init__(self, network: WorldNetwork, noise: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer('noise', noise)

    def forward(self, *window: Tensor) -> tuple[Tensor, ...]:
        """The fields of `BeliefArrays`."""
        model_input = ModelInput(*(value.unsqueeze(0) for value in window))
        belief = self.network.update(model_input)
        noise = _expand_noise(self.noise, model_input)
        properties = self.network.properties(belief, model_input, noise)
        arrays = (belief.state, belief.shape, *belief.posterior, properties)
        return tuple(value[0] for value in arrays)


class InitializeGraph(nn.Module):
    """Belief, window and actions to the samples as they are now."""

    def __init__(self, network: WorldNetwork, noise: Tensor, active: ActiveContacts) -> None:
        super().__init__()
        self.network, self.active = network, active
        self.register_buffer('noise', noise)

    def forward(self, actions: Tensor, *belief_and_window: Tensor) -> tuple[Tensor, ...]:
        """The motion, the context, the hand's path (H, S, C, B) if there is a hand."""
        belief, model_input = _split_belief_and_window(belief_and_window)
        noise = _expand_noise(self.noise, model_input)
        state_samples = self.network.belief.hidden_state.sample(
            belief.posterior, model_input, noise
        )
        rollout = self.network.rollout
        motion, context, path = rollout.begin(
            belief, model_input, state_samples, actions.unsqueeze(0), self.active
        )
        paths = () if path is None else (path.unflatten(0, (-1, rollout.substeps)),)
        return (*motion, *FlatContext.of(context).tensors, *paths)


NUM_MOTION_FIELDS = len(MotionState._fields)


class StepGraph(nn.Module):
    """50 ms of all samples."""

    def __init__(self, network: WorldNetwork, active: ActiveContacts) -> None:
        super().__init__()
        self.rollout, self.active = network.rollout, active

    def forward(self, objects: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        """The next motion and a row of `RolloutSamples`; of `objects` (n, .) only n counts."""
        context_tensors = (
            values[NUM_MOTION_FIELDS:-1] if self.active.hand else values[NUM_MOTION_FIELDS:]
        )
        context = FlatContext(context_tensors).context(objects.shape[0], self.active.pairs)
        path = values[-1] if self.active.hand else None
        motion, row = self.rollout.advance(
            MotionState(*values[:NUM_MOTION_FIELDS]), context, path, 0
        )
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
        window_fields = {'place': place, 'motion': motion, 'held': held}
        window = ModelInput(*(None,) * len(ModelInput._fields))
        window = window._replace(
            **{name: value.unsqueeze(0) for name, value in window_fields.items()}
        )
        sizes = (1, actions.shape[0], self.samples, state.shape[0])
        imagined = self.network.summarize_samples(belief, window, RolloutSamples(*rolled), sizes)
        return tuple(value[0] for value in imagined)


def _expand_noise(noise: Tensor, model_input: ModelInput) -> Tensor:
    n = model_input.present.shape[1]
    return noise[None, :, None].expand(1, -1, n, -1)


def _split_belief_and_window(values: tuple[Tensor, ...]) -> tuple[Belief, ModelInput]:
    values = tuple(value.unsqueeze(0) for value in values)
    return Belief(values[0], values[1], Posterior(*values[2:5])), ModelInput(*values[5:])
