import json

import pytest

from sakiyomi.cli import main


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
    assert 'total' in figures['stage_ms']


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
