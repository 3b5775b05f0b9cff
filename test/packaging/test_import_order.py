"""Imports run one way: between the packages, and between the rooms of each package."""

import pytest
from project_files import PACKAGES, ROOT, imported_modules, source_files

GROUND = {'sakiyomi'}
EDGE = GROUND | {'sakiyomi_ros'}
NODES = {'simulation_node', 'world_model_node', 'planner_node', 'viewer_node'}
DATA = EDGE | NODES | {'sakiyomi_data'}
MAY_IMPORT = {
    'sakiyomi': set(),
    'sakiyomi_ros': GROUND,
    **dict.fromkeys(sorted(NODES), EDGE),
    'sakiyomi_bringup': EDGE | NODES,
    'sakiyomi_data': EDGE | NODES,
    'sakiyomi_training': DATA,
    'sakiyomi_evaluation': DATA | {'sakiyomi_bringup', 'sakiyomi_training'},
    'sakiyomi_cli': set(PACKAGES),
}
ROOMS = (
    'inputs',
    'fusion',
    'segmentation',
    'tracking',
    'contact_estimation',
    'model',
    'inference',
)  # of world_model_node, each of which may import those before it
BELOW_ALL_ROOMS = {'config', 'model_files', 'perception_config'}


def arrows(package):
    """Each import of a package's files: file, own room, package and room of the import."""
    found = []
    for path in source_files(package):
        inner = path.relative_to(ROOT / package).with_suffix('').parts
        for module in imported_modules(path):
            top, _, rest = module.partition('.')
            if top in PACKAGES:
                found.append((path.relative_to(ROOT), inner[0], top, rest.partition('.')[0]))
    return found


def test_every_package_has_its_place_in_the_order():
    assert set(MAY_IMPORT) == set(PACKAGES)


@pytest.mark.parametrize('package', MAY_IMPORT)
def test_packages_import_those_below_them(package):
    allowed = MAY_IMPORT[package] | {package}
    wrong = {f'{path} imports {top}' for path, _, top, _ in arrows(package) if top not in allowed}
    assert not wrong, '\n'.join(sorted(wrong))


def test_no_two_packages_import_each_other():
    pairs = {(package, top) for package in PACKAGES for _, _, top, _ in arrows(package)}
    assert len(pairs) > 20
    assert not {(a, b) for a, b in pairs if a < b and (b, a) in pairs}


@pytest.mark.parametrize('package', MAY_IMPORT)
def test_no_two_rooms_of_a_package_import_each_other(package):
    inner = [arrow for arrow in arrows(package) if arrow[2] == package and arrow[1] != arrow[3]]
    assert inner
    pairs = {(room, other) for _, room, _, other in inner}
    both = {f'{path} imports {other}' for path, room, _, other in inner if (other, room) in pairs}
    assert not both, '\n'.join(sorted(both))


def test_the_rooms_of_the_world_model_import_those_before_them():
    inner = [a for a in arrows('world_model_node') if a[1] in ROOMS and a[2] == 'world_model_node']
    assert {room for _, room, _, _ in inner} == set(ROOMS)
    wrong = set()
    for path, room, _, other in inner:
        allowed = {*ROOMS[: ROOMS.index(room) + 1], *BELOW_ALL_ROOMS}
        if other not in allowed:
            wrong.add(f'{path} imports {other}')
    assert not wrong, '\n'.join(sorted(wrong))


@pytest.mark.parametrize('module', sorted(BELOW_ALL_ROOMS))
def test_modules_below_all_rooms_import_no_room(module):
    inner = [a for a in arrows('world_model_node') if a[1] == module]
    assert inner
    wrong = {path for path, _, top, other in inner if top == 'world_model_node' and other in ROOMS}
    assert not wrong
