import numpy as np
import torch
from safetensors.torch import load_file

from sakiyomi_training.segmentation.network import SupervoxelNetwork
from world_model_node.segmentation.dimensions import NODE_FEATURES, PAIR_FEATURES
from world_model_node.segmentation.features import SupervoxelGraph
from world_model_node.segmentation.segmentation_engine import (
    GRAPH,
    WEIGHTS,
    SegmentationEngine,
    pad_graph,
)

MAX_BYTES = 5_000_000


def random_graph(m, seed=0):
    rng = np.random.default_rng(seed)
    pairs = rng.normal(0.0, 0.5, (PAIR_FEATURES, m, m))
    pairs = 0.5 * (pairs + pairs.transpose(0, 2, 1))
    nodes = rng.normal(0.0, 0.5, (m, NODE_FEATURES))
    centers = rng.uniform((0.4, -0.1, 0.0), (0.6, 0.1, 0.1), (m, 3))
    counts = np.full(m, 10)
    return SupervoxelGraph(nodes.astype(np.float32), pairs.astype(np.float32), centers, counts)


def shipped(folder):
    network = SupervoxelNetwork()
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def test_the_graph_and_the_weights_have_equal_outputs(model_folder):
    network, engine = shipped(model_folder), SegmentationEngine(model_folder)
    for m in (1, 17, 64, 200):
        graph = random_graph(m, seed=m)
        inputs = [torch.from_numpy(array) for array in pad_graph(graph).values()]
        with torch.no_grad():
            same, of_object, votes = (t.numpy()[0] for t in network(*inputs))
        output = engine.infer(graph)
        middle = graph.centers_m.mean(axis=0)
        np.testing.assert_allclose(output.same_logits, same[:m, :m], atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(output.object_logits, of_object[:m], atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(output.center_votes_m - middle, votes[:m], atol=1e-4)


def test_padding_changes_nothing(model_folder):
    network, graph = shipped(model_folder), random_graph(40)
    exact = [a[..., :40, :40] if a.ndim == 4 else a[:, :40] for a in pad_graph(graph).values()]
    with torch.no_grad():
        same = network(*(torch.from_numpy(np.ascontiguousarray(a)) for a in exact))[0][0].numpy()
    np.testing.assert_allclose(
        SegmentationEngine(model_folder).infer(graph).same_logits, same, atol=1e-4, rtol=1e-4
    )


def test_the_order_of_supervoxels_does_not_matter(model_folder):
    graph, order = random_graph(50), np.random.default_rng(1).permutation(50)
    shuffled = SupervoxelGraph(
        graph.nodes[order],
        graph.pairs[:, order[:, None], order],
        graph.centers_m[order],
        graph.counts[order],
    )
    engine = SegmentationEngine(model_folder)
    expected = engine.infer(graph).same_logits[np.ix_(order, order)]
    np.testing.assert_allclose(engine.infer(shuffled).same_logits, expected, atol=1e-4, rtol=1e-4)


def test_same_is_symmetric(model_folder):
    same = SegmentationEngine(model_folder).infer(random_graph(60)).same_logits
    np.testing.assert_allclose(same, same.T, atol=1e-4, rtol=1e-4)


def test_the_files_are_small(model_folder):
    assert all((model_folder / name).stat().st_size < MAX_BYTES for name in (GRAPH, WEIGHTS))
