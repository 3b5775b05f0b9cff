"""What the world model is trained without, one part at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.errors import BadInputError
from sakiyomi.parameters import with_values
from sakiyomi_training.world_model.ablations import ABLATIONS, ablation_changes
from sakiyomi_training.world_model.training_config import TrainingConfig

FULL, NO_LIDAR = 'full', 'without LiDAR'


@dataclass(frozen=True)
class Variant:
    """One training; `parts` are keys of `SWITCHES`, `lidar` tells which recordings it takes."""

    name: str
    parts: tuple[str, ...] = ()
    lidar: bool = True

    @property
    def folder(self) -> str:
        """A file name of it."""
        return self.name.lower().replace(' ', '_')

    def config(self, base: TrainingConfig) -> TrainingConfig:
        """The config with those parts left out."""
        return with_values(base, ablation_changes(self.parts))


# those that learn from the same examples follow each other, so that these are made once
VARIANTS = (
    Variant(FULL),
    *(
        Variant(f'without {part}', (part,))
        for part in sorted(ABLATIONS, key=lambda part: part == 'touch')
    ),
    Variant(NO_LIDAR, lidar=False),
)


def chosen_variants(names: str | None) -> tuple[Variant, ...]:
    """Those named, separated by commas, in the order of `VARIANTS`; all if None.

    Raises:
        BadInputError: there is no such variant.
    """
    known = {variant.name.lower(): variant for variant in VARIANTS}
    wanted = known if names is None else {n.strip().lower() for n in names.split(',')}
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        options = ', '.join(v.name for v in VARIANTS)
        raise BadInputError(f'--variants: got {unknown[0]!r}, expected some of: {options}')
    return tuple(variant for name, variant in known.items() if name in wanted)
