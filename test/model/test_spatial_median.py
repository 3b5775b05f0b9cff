import pytest
import torch

from world_model_node.model.spatial_median import spatial_median


def mean_distance(samples, point):
    return (samples - point).norm(dim=-1).mean()


def test_few_that_slide_far_hardly_move_it():
    near, far = 0.1 * torch.ones(12, 3), torch.tensor([[1.5, 0.1, 0.1]]).repeat(4, 1)
    samples = torch.cat([near, far])
    median, mean = spatial_median(samples, 0), samples.mean(0)
    assert (median - near[0]).norm() < 0.1 * (mean - near[0]).norm()
    assert mean_distance(samples, median) < mean_distance(samples, mean)


def test_of_samples_that_lie_close_it_is_the_mean():
    samples = 0.001 * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    gap = spatial_median(samples, 0) - samples.mean(0)
    assert gap.norm() < 1e-3 * samples.norm(dim=-1).mean()


def test_it_goes_with_the_samples_when_they_are_moved_and_turned():
    samples = 0.3 * torch.randn(2, 16, 5, 3, generator=torch.Generator().manual_seed(0))
    moved = samples[..., [1, 2, 0]] + torch.tensor([3.0, -2.0, 1.0])
    expected = spatial_median(samples, 1)[..., [1, 2, 0]] + torch.tensor([3.0, -2.0, 1.0])
    assert spatial_median(moved, 1).numpy() == pytest.approx(expected.numpy(), abs=1e-5)
