"""What the world models that watch one scene at once each get of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_data.closed_loop.masked_model import MaskedModel, SensorMask
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

DROPPED_SHARE = 0.2


@dataclass(frozen=True)
class Modality:
    """A selection of the sensors, and what divides the cloud into objects."""

    name: str
    mask: SensorMask = field(default_factory=SensorMask)
    segmenter: str = ''  # empty: the default one

    def observer(self, config: WorldModelConfig, robot: RobotModel, seed: int) -> MaskedModel:
        """A world model that gets this; the seed is of what is dropped."""
        config = with_segmenter(config, self.segmenter) or config
        return MaskedModel(WorldModel(config, robot), replace(self.mask, seed=seed))


ALL = Modality('all')
MODALITIES = (
    Modality('camera only', SensorMask(('camera',))),
    Modality('lidar only', SensorMask(('lidar',))),
    Modality('camera + lidar', SensorMask(('camera', 'lidar'))),
    Modality('all, 20 % dropped', SensorMask(drop_rate=DROPPED_SHARE)),
)


def modalities(config: WorldModelConfig) -> tuple[Modality, ...]:
    """The full one first, then those with less, then the other segmenters."""
    used = getattr(config, 'segmenter', '')
    others = [name for name in segmenters(config) if name != used]
    return (ALL, *MODALITIES, *(Modality(f'all, {n}', segmenter=n) for n in others))


def with_segmenter(config: WorldModelConfig, name: str) -> WorldModelConfig | None:
    """The configuration with that segmenter, or None where there is no such choice."""
    options = segmenters(config)
    return replace(config, segmenter=name) if name in options else None


def segmenters(config: WorldModelConfig) -> tuple[str, ...]:
    """The segmenters that the world model can be configured with; none where it has but one."""
    choice = next((f for f in fields(config) if f.name == 'segmenter'), None)
    return () if choice is None else tuple(choice.metadata['options'])
