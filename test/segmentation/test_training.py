import numpy as np
import pytest
import torch
from touching_boxes import LOW, TALL, owners

from sakiyomi.errors import BadInputError
from sakiyomi_data.object_split import is_held_out, split_folders
from sakiyomi_data.segmentation.labelled_views import LabelledView, read_views, write_views
from sakiyomi_training.segmentation.examples import augment, make_example, subsample_parts
from sakiyomi_training.segmentation.training import Trainer, train


@pytest.fixture(scope='module')
def view(touching):
    voxels, visibility, plane = touching
    return LabelledView(voxels, owners(voxels.points_m, (TALL, LOW)), visibility, plane)


@pytest.fixture
def data(view, tmp_path):
    (tmp_path / 'boxes').mkdir()
    write_views(tmp_path / 'boxes' / 'train_00000.npz', [view, view])
    write_views(tmp_path / 'boxes' / 'held_out_00000.npz', [view])
    return tmp_path


def test_views_come_back_as_they_were_written(view, tmp_path):
    write_views(tmp_path / 'a.npz', [view])
    (back,) = read_views(tmp_path / 'a.npz')
    np.testing.assert_array_equal(back.labels, view.labels)
    np.testing.assert_array_equal(back.voxels.points_m, view.voxels.points_m)
    np.testing.assert_allclose(back.voxels.colors, view.voxels.colors, atol=0.5)
    np.testing.assert_allclose(
        back.visibility.camera.depth_m, view.visibility.camera.depth_m, atol=5.1e-4
    )


def test_a_file_cut_off_is_refused(view, tmp_path):
    path = tmp_path / 'a.npz'
    write_views(path, [view])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BadInputError, match=r'a\.npz: cannot be read'):
        read_views(path)


def test_turning_a_view_keeps_what_is_true_of_it(view):
    item = make_example(view)
    turned = augment(item, np.random.default_rng(0))
    reach = np.linalg.norm(item.votes_m - item.centers_m, axis=1)
    np.testing.assert_allclose(
        np.linalg.norm(turned.votes_m - turned.centers_m, axis=1), reach, atol=1e-5
    )
    np.testing.assert_array_equal(turned.labels, item.labels)


def test_some_parts_are_parts_of_the_view(view):
    item = make_example(view)
    few = subsample_parts(item, 20, np.random.default_rng(0))
    assert len(few.nodes) == 20
    assert few.pairs.shape[1:] == (20, 20)
    assert subsample_parts(item, 10_000, np.random.default_rng(0)) is item


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_training_learns_and_resumes(data, tmp_path, one_thread):
    trainer = Trainer(data, tmp_path / 'out', seed=0)
    trainer.read_new_scenes(most=10)
    first = trainer.epoch(1.0, np.inf)
    for _ in range(8):
        last = trainer.epoch(1.0, np.inf)
    assert last < 0.9 * first
    trainer.save()
    again = Trainer(data, tmp_path / 'out', seed=0)
    assert (again.step, again.spent_s) == (trainer.step, trainer.spent_s)
    for mine, theirs in zip(trainer.network.parameters(), again.network.parameters(), strict=True):
        assert (mine == theirs).all()


def test_training_without_scenes_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r'expected \*/train_\*\.npz, found none'):
        train(tmp_path, tmp_path / 'out', 0.1, 0)


def test_no_object_is_both_learned_from_and_held_out(tmp_path):
    folders = split_folders('random_urdfs', tmp_path)
    names = {part: {p.name for p in folder.iterdir()} for part, folder in folders.items()}
    assert not names['train'] & names['held_out']
    share = len(names['held_out']) / (len(names['train']) + len(names['held_out']))
    assert 0.1 < share < 0.2
    assert all(is_held_out(name.removesuffix('.urdf')) for name in names['held_out'])
