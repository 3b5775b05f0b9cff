"""A results file says where its figures come from."""

import argparse
import json

import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi_data.results import check_writable, write_results


def test_figures_come_with_hardware_code_and_command(tmp_path):
    path = tmp_path / 'results.json'
    write_results(str(path), {'gsr': np.float64(0.9)}, argparse.Namespace(seed=3))
    document = json.loads(path.read_text())
    assert document['gsr'] == 0.9
    assert document['provenance']['seed'] == 3
    assert {'date', 'command', 'commit', 'dirty', 'hardware'} <= set(document['provenance'])
    wanted = {'cpu', 'cores', 'ram_gib', 'gpu', 'os', 'python'}
    assert set(document['provenance']['hardware']) == wanted


def test_numbers_that_are_not_finite_become_null(tmp_path):
    path = tmp_path / 'results.json'
    write_results(str(path), {'a': [np.nan, np.inf, 1.0], 'b': np.arange(2)}, argparse.Namespace())
    document = json.loads(path.read_text())
    assert document['a'] == [None, None, 1.0]
    assert document['b'] == [0, 1]


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results(None, {}, argparse.Namespace())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_before_the_work():
    with pytest.raises(BadInputError, match='expected a folder that can be written'):
        check_writable('/no/such/folder/results.json')
