import json

import pytest

from sakiyomi_cli.main import main
from sakiyomi_data.object_split import held_out_folder, is_held_out


@pytest.fixture(scope='module')
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('perceive')
    command = [
        'evaluate',
        'perceive',
        '--objects',
        'random_urdfs',
        '--rounds',
        '1',
        '--count',
        '3',
    ]
    command += [
        '--seconds',
        '0.5',
        '--ablation-every',
        '0',
        '--seed',
        '3',
        '--frames',
        str(folder / 'frames'),
    ]
    assert main([*command, '--json', str(folder / 'p.json')]) == 0
    assert (folder / 'p_stages.png').stat().st_size > 1000
    assert len(list((folder / 'frames').glob('*.png'))) == 1
    return json.loads((folder / 'p.json').read_text())


def test_the_contract_names_every_figure(figures):
    keys = {'precision', 'recall', 'mean_iou', 'centroid_error_mm', 'twist_error', 'hota'}
    keys |= {'id_switches', 'chamfer_mm', 'coverage_90', 'stage_ms', 'ablations', 'provenance'}
    assert keys <= set(figures)
    keys = {'turned', 'coverage_90_moving', 'coverage_90_resting', 'resting_twist', 'held_out'}
    assert keys <= set(figures)
    ms = figures['stage_ms']
    assert ms['fusion']['mean'] == pytest.approx(ms['total']['mean'] - ms['belief']['mean'])


def test_separate_objects_are_found(figures):
    assert figures['recall'] == 1.0
    assert figures['precision'] == 1.0
    assert figures['hota'] > 0.6


def test_every_modality_has_its_row(figures):
    rows = figures['ablations']
    assert {'all', 'camera only', 'lidar only', 'camera + lidar', 'all, 20 % dropped'} <= set(rows)
    assert all(row['recall'] is not None for row in rows.values())


@pytest.mark.parametrize(
    ('option', 'value'),
    [('--rounds', '0'), ('--seconds', '-1'), ('--seed', '-1'), ('--objects', '/nowhere')],
)
def test_bad_options_are_one_line_and_status_2(option, value, capsys):
    command = ['evaluate', 'perceive', '--objects', 'random_urdfs', option, value]
    assert main(command) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize('evaluation', ['perceive', 'clutter'])
def test_only_held_out_objects_are_used_and_none_left_is_an_error(evaluation, tmp_path, capsys):
    names = [f'thing_{k}' for k in range(60)]
    for name in names:
        (tmp_path / f'{name}.obj').write_text('v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n')
    out = tmp_path / 'out'
    assert held_out_folder(str(tmp_path), out)['of'] == 60
    assert {f.stem for f in out.iterdir()} == {n for n in names if is_held_out(n)}
    seen = tmp_path / 'seen'
    seen.mkdir()
    name = next(n for n in names if not is_held_out(n))
    (seen / f'{name}.obj').write_text('v 0 0 0\n')
    command = ['evaluate', evaluation, '--held-out', '--objects', str(seen), '--rounds', '1']
    assert main(command) == 2
    assert 'held out' in capsys.readouterr().err
