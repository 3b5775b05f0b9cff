"""Recordings and episodes of a user as training and validation examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.shards import PATTERN
from sakiyomi_training.world_model.examples.example_set import ExampleSet, episode_examples
from sakiyomi_training.world_model.examples.mirroring import mirrored_observation
from sakiyomi_training.world_model.examples.recording_examples import (
    RecordedSequence,
    recording_examples,
)
from sakiyomi_training.world_model.examples.sensor_recordings import read_sensor_recording
from sakiyomi_training.world_model.examples.target_columns import Example
from sakiyomi_training.world_model.examples.toss_recordings import read_toss_file

READERS = {'.npz': read_toss_file, '.mcap': read_sensor_recording}
VALIDATION_EVERY_SMALL, VALIDATION_EVERY, NUM_SMALL = 4, 8, 64
MIN_EXAMPLES = 8


@dataclass(frozen=True)
class FinetuningData:
    """Training and validation examples, and their numbers of recordings."""

    training: ExampleSet
    validation: ExampleSet
    training_recordings: int
    validation_recordings: int
    episodes: bool  # whether some examples have simulated truth


def read_data(paths: Sequence[Path], touch: bool = True) -> FinetuningData:
    """The examples of folders of episodes, .npz and .mcap files, and folders of these files.

    With `touch`, the examples of episodes have touch; recordings have no hand.

    Raises:
        BadInputError: A path is missing, a file cannot be used, or there are too few examples.
    """
    training: list[Example] = []
    validation: list[Example] = []
    folders = [path for path in paths if path.is_dir() and any(path.glob(PATTERN))]
    for folder in folders:
        for mine, own in zip((training, validation), episode_examples(folder, touch), strict=True):
            mine += own
    pieces = [piece for file in recording_files(paths) for piece in read_sequences(file)]
    numbers = validation_indices(len(pieces))
    for number, piece in enumerate(pieces):
        own = recording_examples(piece)
        if number in numbers:
            validation += own
        else:
            training += own + recording_examples(_mirrored(piece))
    _check(paths, training, validation)
    return FinetuningData(
        ExampleSet(training),
        ExampleSet(validation),
        len(pieces) - len(numbers),
        len(numbers),
        bool(folders),
    )


def read_test(paths: Sequence[Path]) -> ExampleSet:
    """All examples of test recordings; raises as `read_data`."""
    pieces = [piece for file in recording_files(paths) for piece in read_sequences(file)]
    examples = [example for piece in pieces for example in recording_examples(piece)]
    if not examples:
        raise BadInputError(f'{paths[0]}: got no example, expected at least one')
    return ExampleSet(examples)


def read_sequences(file: Path) -> list[RecordedSequence]:
    """The unbroken pieces of one file; BadInputError where it cannot be used."""
    return READERS[file.suffix](file)


def validation_indices(count: int) -> set[int]:
    """The validation recordings of `count`: every fourth of few, every eighth of many."""
    every = VALIDATION_EVERY_SMALL if count < NUM_SMALL else VALIDATION_EVERY
    return set(range(every - 1, count, every)) or set(range(count - 1, count))


def recording_files(paths: Sequence[Path]) -> list[Path]:
    """The .npz and .mcap files among the paths and in the folders; raises as `read_data`."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix in READERS)
            if not inside and not any(path.glob(PATTERN)):
                expected = ', '.join((PATTERN, *(f'*{suffix}' for suffix in READERS)))
                raise BadInputError(f'{path}: got an empty folder, expected {expected}')
            found += inside
        elif path.suffix in READERS:
            found.append(path)
        else:
            got = 'another kind of file' if path.exists() else 'nothing there'
            raise BadInputError(f'{path}: got {got}, expected a folder, .npz or .mcap')
    return found


def _check(paths: Sequence[Path], training: list[Example], validation: list[Example]) -> None:
    if len(training) // 2 < MIN_EXAMPLES or not validation:
        raise BadInputError(
            f'{paths[0]}: got {len(training) // 2} examples to learn from and {len(validation)} to'
            f' compare with, expected {MIN_EXAMPLES} and 1 or more: record more or longer'
        )


def _mirrored(piece: RecordedSequence) -> RecordedSequence:
    return replace(piece, observations=tuple(mirrored_observation(i) for i in piece.observations))
