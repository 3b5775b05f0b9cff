"""What is left out of the world model is really left out, and its worth is measured as said."""

import json
from argparse import Namespace

import numpy as np
import pytest
from sliding import gripped_episode, sliding_episode

from sakiyomi.errors import BadInputError
from sakiyomi.parameters import flatten
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_cli.main import main
from sakiyomi_data.episodes.shards import write_shard
from sakiyomi_evaluation.ablation.figures import ratio_to_full
from sakiyomi_evaluation.ablation.variants import FULL, NO_LIDAR, VARIANTS, chosen_variants
from sakiyomi_evaluation.prediction.errors import PredictionErrors
from sakiyomi_evaluation.prediction.paired_episodes import read_paired_episodes, tracked_share
from sakiyomi_evaluation.prediction.predictors import TIMES_S, DynamicsPredictor
from sakiyomi_training.train_world_model import training_config
from sakiyomi_training.world_model.examples.episode_examples import make_examples
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.config import PredictionConfig
from world_model_node.inference.learned_dynamics import LearnedDynamics
from world_model_node.inference.torch_engine import TorchEngine
from world_model_node.model.belief import ModelInput
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.weights import save_model

HAND = read_robot_config().hand

SMALL = {'hidden': 16, 'embedding': 16, 'residual': 8, 'samples': 2, 'substeps': 1}
TRAINING = {'warm_steps': 2, 'batch': 4, 'warm_batch': 4, 'model': SMALL}
FELT = ('frames/held', 'frames/properties', 'hand/wrench')


def felt_otherwise(episode):
    """The same interaction; from the third frame on the hand feels something else."""
    other, felt = dict(episode), gripped_episode(99)
    for name in (*FELT, *(name for name in episode if name.startswith('hand/pad_'))):
        other[name] = felt[name].copy()
    other['frames/properties'][:3] = episode['frames/properties'][:3]
    return other


def test_an_example_without_touch_does_not_depend_on_what_was_felt():
    one = gripped_episode(0)
    pairs = [[make_examples(e, (8, 12), touch) for e in (one, felt_otherwise(one))]
             for touch in (False, True)]  # fmt: skip
    assert pairs[0][0] and pairs[1][0]
    for a, b in zip(*pairs[0], strict=True):
        assert not a['touch_on'].any() and not a['held'].any()
        for name in (*ModelInput._fields, 'later_motion', 'later_touch', 'action'):
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    for a, b in zip(*pairs[1], strict=True):
        for name in ('motion', 'touch', 'prior'):
            assert not np.array_equal(a[name], b[name]), name


def test_predictions_without_touch_do_not_depend_on_what_was_felt(tmp_path):
    save_model(WorldNetwork(ModelConfig(**SMALL, touch=False), HAND.trained), tmp_path, {})
    dynamics = LearnedDynamics(TorchEngine(tmp_path), PredictionConfig(), HAND, touch=False)
    one = gripped_episode(0)
    a, b = (DynamicsPredictor(dynamics).predict(e)[1] for e in (one, felt_otherwise(one)))
    np.testing.assert_array_equal(a.T_world_object, b.T_world_object)
    np.testing.assert_array_equal(a.position_covariance, b.position_covariance)


def test_an_object_that_was_always_held_is_taken_for_what_it_looks_like():
    episodes = [gripped_episode(0) for _ in range(2)]
    for mass, episode in zip((0.1, 0.4), episodes, strict=True):
        episode['frames/held'][:, 0] = True
        episode['frames/properties'][:, 0, 0] = mass
    a, b = (make_examples(e, (12,), touch=False)[0]['prior'] for e in episodes)
    np.testing.assert_array_equal(a, b)
    assert a[0, 0] == pytest.approx(np.log(500.0 * 0.06**3), abs=0.2)


def test_each_variant_changes_nothing_but_its_part():
    base = TrainingConfig()
    values = {name: value for name, _, value in flatten(base)}
    assert len(VARIANTS) > 5
    for variant in VARIANTS:
        own = {name: value for name, _, value in flatten(variant.config(base))}
        changed = {name for name in own if own[name] != values[name]}
        assert (not changed) == (not variant.parts), variant.name


def test_the_switches_of_the_training_command_are_those_of_the_variants(tmp_path):
    names = ('no_privileged', 'no_jepa', 'no_touch', 'pure_network')
    plain = {'config': None, 'steps': None, 'threads': 1, 'seed': 0, 'out': tmp_path}
    configs = [training_config(Namespace(**plain, **{n: n == on for n in names})) for on in names]
    changed = [variant for variant in VARIANTS if variant.parts]
    assert len(changed) == len(names)
    assert all(variant.config(TrainingConfig()) in configs for variant in changed)


def test_variants_are_chosen_by_name_and_others_refused():
    assert [v.name for v in chosen_variants('Without LiDAR, full')] == ['full', 'without LiDAR']
    with pytest.raises(BadInputError, match=r"'without luck'.*without touch"):
        chosen_variants('without luck')


def test_what_one_recording_lost_is_judged_in_neither(tmp_path):
    one, other = tmp_path / 'one', tmp_path / 'other'
    episodes = [sliding_episode(seed) for seed in range(2)]
    lost = episodes[1] | {'truth/slot': np.full(3, -1)}
    for folder, second in ((one, episodes[1]), (other, lost)):
        folder.mkdir()
        write_shard(folder / 'shard_00000.h5', [episodes[0], second], {})
    for folders in (([one], [other]), ([other], [one])):
        assert [e['truth/slot'][0] for e in read_paired_episodes(*folders)] == [0, -1]
    assert (tracked_share([one]), tracked_share([other])) == (1.0, 0.5)


def test_recordings_of_other_interactions_are_not_compared(tmp_path):
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        made = [sliding_episode(number // 2)] * (1 + number % 2)
        write_shard(tmp_path / str(number) / 'shard_00000.h5', made, {})
    for other in (1, 2):
        with pytest.raises(BadInputError, match='different interactions'):
            list(read_paired_episodes([tmp_path / '0'], [tmp_path / str(other)]))


def test_twice_the_error_is_a_ratio_of_two_whatever_the_scenario():
    rng = np.random.default_rng(0)
    gaps = [(s, rng.normal(size=(len(TIMES_S), 3))) for s in ('push', 'drop') for _ in range(9)]
    full, worse = (
        [PredictionErrors(s, 'model', k * gap, np.zeros(len(TIMES_S)), None) for s, gap in gaps]
        for k in (1.0, 2.0)
    )
    ratio = ratio_to_full(worse, full)
    assert ratio['push'] == ratio['drop'] == ratio['mean'] == pytest.approx(2.0)
    assert ratio['interval_90'] == pytest.approx([2.0, 2.0])


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Episodes to learn from and to predict, and a config that is soon done."""
    root = tmp_path_factory.mktemp('episodes')
    for name, seeds in (('data', range(4)), ('test', range(10, 12))):
        (root / name).mkdir()
        made = [gripped_episode(s) if s % 2 else sliding_episode(s) for s in seeds]
        write_shard(root / name / 'shard_00000.h5', made, {})
    (root / 'config.yaml').write_text(json.dumps(TRAINING))
    return root


def command(folders, out, *more):
    return [
        'evaluate', 'ablations', '--data', str(folders / 'data'), '--test', str(folders / 'test'),
        '--config', str(folders / 'config.yaml'), '--steps', '3', '--threads', '1',
        '--out', str(out), *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_every_variant_has_its_row_and_a_second_run_the_same_figures(folders, tmp_path, capsys):
    files = [tmp_path / 'one.json', tmp_path / 'two.json']
    again = [
        f'--{name}-without-lidar={folders / name}' for name in ('data', 'test')
    ]  # as good as another recording, for the figures
    for file, more in zip(files, ([], ['--variants', 'full,without touch']), strict=True):
        assert main(command(folders, tmp_path / 'out', '--json', str(file), *again, *more)) == 0
    one, two = (json.loads(file.read_text())['variants'] for file in files)
    assert list(one) == [v.name for v in VARIANTS]
    assert two == {name: one[name] for name in ('full', 'without touch')}
    assert one['full']['ratio_to_full']['mean'] == 1.0
    assert one['without LiDAR']['error_mm'] == one['full']['error_mm']
    assert one['without touch']['error_mm'] != one['full']['error_mm']
    assert all(set(row['error_mm']) == {'slide', 'mean'} for row in one.values())
    assert files[0].with_suffix('.png').stat().st_size > 1000
    assert 'without structure' in capsys.readouterr().out


def test_the_variants_asked_for_have_their_rows(folders, tmp_path):
    file = tmp_path / 'f.json'
    more = ('--json', str(file), '--variants', FULL)
    assert main(command(folders, tmp_path / 'out', *more)) == 0
    rows = json.loads(file.read_text())['variants']
    assert list(rows) == [FULL]
    assert rows[FULL]['ratio_to_full']['mean'] == 1.0


@pytest.mark.slow
def test_without_such_episodes_the_row_of_the_lidar_is_left_out_and_that_said(
    folders, tmp_path, caplog
):
    assert main(command(folders, tmp_path / 'out', '--json', str(tmp_path / 'f.json'))) == 0
    document = json.loads((tmp_path / 'f.json').read_text())
    assert NO_LIDAR in document['left_out'] and NO_LIDAR not in document['variants']
    assert FULL in document['variants']
    assert f'{NO_LIDAR} is left out' in caplog.text


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['--variants', 'without luck'], 'without luck'),
        (['--variants', 'without LiDAR'], '--data-without-lidar'),
        (['--data-without-lidar', '/nowhere'], 'expected both or none'),
        (['--test', '/nowhere'], '/nowhere'),
        (['--steps', '0'], 'steps'),
        (['--json', '/nowhere/f.json'], '/nowhere'),
    ],
)
def test_bad_input_is_one_line_and_status_2(folders, tmp_path, arguments, told, capsys):
    assert main(command(folders, tmp_path / 'out', *arguments)) == 2
    error = capsys.readouterr().err.strip()
    assert told in error and '\n' not in error
    assert not (tmp_path / 'out').exists()


def test_an_empty_folder_is_refused(folders, tmp_path, capsys):
    assert main(command(folders, tmp_path / 'out', '--data', str(tmp_path))) == 2
    error = capsys.readouterr().err.strip()
    assert 'expected at least one' in error and '\n' not in error
