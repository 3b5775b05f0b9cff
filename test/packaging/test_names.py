"""Names are the field's: none of the project's former words for the same things is left."""

import re

import pytest
from project_files import ROOT, tracked_files

FORMER_FILES = {
    'bearing.py',
    'between_looks',
    'course.py',
    'feeling',
    'felt.py',
    'glance.py',
    'hidden.py',
    'hold',
    'interactions',
    'involved.py',
    'islands.py',
    'loosening.py',
    'look.py',
    'middle.py',
    'parts.py',
    'pressing.py',
    'seen_only.py',
    'setting.py',
    'spare_collections.py',
    'step.py',
    'trials',
    'trying.py',
    'unseen.py',
    'watched',
    'weighing.py',
    'what_if.py',
    'whereabouts.py',
}
FORMER_IDENTIFIERS = (
    'Glance',
    'glimpses',
    'Unrest',
    'leap_cost',
    '_found_again',
    'whereabouts',
    'agitation',
    'unbraked',
    'wavers',
    'hidden_share',
    'HoldNetwork',
    'HandSense',
    'Borne',
    'Slipping',
    'Involved',
    'Imagination',
    'Watcher',
    'seen_only',
    'surface_mps',
    'plays_m',
    'wrap_m',
    'crowd_points',
    'what_if',
    'spare_collections',
    'plan_to_pose',
    'ik_many',
    r'(?:LEAST|MOST|FEW|FINE)_[A-Z_]+',
)
FORMER_CLASSES = (
    'Look|Course|Seen|Rest|Sight|Feeling|Scale|Balance|Holding|Closing|Watched|Instant|Setting|'
    'Drawn|Bearing|Touching|Pressed|Start|Play|Hidden|Way'
)  # plain words, so that only a class of this name counts
BINARY = {'.onnx', '.png', '.safetensors', '.stl', '.obj', '.npz', '.engine', '.gif', '.webp'}


@pytest.fixture(scope='module')
def texts():
    """Every tracked text but this one."""
    paths = [p for p in tracked_files() if p.suffix not in BINARY and (ROOT / p).is_file()]
    return {p: (ROOT / p).read_text('utf-8') for p in paths if p.name != 'test_names.py'}


def found(pattern, texts):
    lines = set()
    for path, text in texts.items():
        lines |= {f'{path}: {hit.group()}' for hit in re.finditer(pattern, text)}
    return '\n'.join(sorted(lines))


def test_no_file_or_folder_has_a_former_name(texts):
    assert len(texts) > 500
    named = {str(path) for path in texts if FORMER_FILES & set(path.parts)}
    assert not named


def test_no_former_identifier_is_left(texts):
    names = found(rf'\b(?:{"|".join(FORMER_IDENTIFIERS)})\b', texts)
    assert not names, names


def test_no_class_has_a_former_name(texts):
    classes = found(rf'(?m)^class (?:{FORMER_CLASSES})\b', texts)
    assert not classes, classes
