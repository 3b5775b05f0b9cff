"""Where the files that are not Python are: in the source tree, or where an install put them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sakiyomi.errors import BadInputError

SHARED = ('config', 'launch', 'models', 'urdf')
PACKAGE_DIR = Path(__file__).resolve().parent


def share_dir(name: str) -> Path:
    """The folder of that name; the source tree comes before any install.

    Args:
        name: One of `SHARED`.

    Returns:
        The first such folder that exists; where none does, the place at which it was expected.

    Raises:
        BadInputError: If the name is not one of `SHARED`.
    """
    if name not in SHARED:
        raise BadInputError(f'shared folder: got {name!r}, expected one of {", ".join(SHARED)}')
    candidates = [root / name for root in _roots()]
    return next((path for path in candidates if path.is_dir()), candidates[0])


def _roots() -> list[Path]:
    source = PACKAGE_DIR.parent
    if (source / 'package.xml').is_file():
        return [source]
    prefixes = [*PACKAGE_DIR.parents[3:4]]  # <prefix>/lib/python3.x/site-packages/sakiyomi
    ament = os.environ.get('AMENT_PREFIX_PATH', '')
    prefixes += [Path(prefix) for prefix in ament.split(os.pathsep) if prefix]
    return [prefix / 'share' / 'sakiyomi' for prefix in [*prefixes, Path(sys.prefix)]]
