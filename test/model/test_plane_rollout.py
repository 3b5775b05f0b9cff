"""The rollout as one exported graph."""

import onnx
import onnxruntime as ort
import pytest
import torch
from bodies import cube, tumbling

from world_model_node.model.physics.plane_rollout import INPUTS, OUTPUTS, PlaneRollout

# of onnx-tensorrt's docs/operators.md
TENSORRT = """
Add Clip Concat Constant Div Gather Gemm Identity MatMul Max Mul Neg Reciprocal ReduceL2 ReduceSum
Relu Reshape Sign Slice Split Sqrt Squeeze Sub Transpose Unsqueeze Shape ConstantOfShape Expand
Exp Cast
"""


def arguments(n=16):
    body = cube(n)
    return (*tumbling(n, 7), *body, torch.zeros(n, 1), torch.zeros(n, 4))


@pytest.fixture(scope='module')
def graph(tmp_path_factory):
    path = tmp_path_factory.mktemp('rollout') / 'rollout.onnx'
    model = PlaneRollout(substeps=1).eval()
    options = {'dynamo': False, 'opset_version': 17, 'do_constant_folding': True}
    names = {'input_names': list(INPUTS), 'output_names': list(OUTPUTS)}
    torch.onnx.export(model, arguments(), path, **names, **options)
    return model, path


def test_onnx_runtime_agrees_with_torch_over_twenty_steps(graph):
    model, path = graph
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    values = dict(zip(INPUTS, arguments(), strict=True))
    taken = {i.name: values[i.name].numpy() for i in session.get_inputs()}
    with torch.no_grad():
        expected = model(*arguments())
    within = dict(zip(OUTPUTS, (1e-4, 1e-4, 1e-4, 1e-3), strict=True))  # spins are tens of rad/s
    assert OUTPUTS
    for name, got, wanted in zip(OUTPUTS, session.run(OUTPUTS, taken), expected, strict=True):
        assert abs(got - wanted.numpy()).max() < within[name], name


def test_tensorrt_supports_every_operator(graph):
    operators = {node.op_type for node in onnx.load(graph[1]).graph.node}
    assert operators <= set(TENSORRT.split())


def test_a_residual_moves_only_what_touches():
    class Lift(torch.nn.Module):
        def forward(self, features, latent):
            return torch.ones_like(features[:6]) * latent[:1]

    state, body = tumbling(8, 1), cube(8)
    state = state._replace(position=state.position + torch.tensor([0.0, 0.0, 1.0]))
    taken = (*state, *body, torch.zeros(8, 1), torch.ones(8, 1))
    with torch.no_grad():
        with_it, without = PlaneRollout(residual=Lift())(*taken)[0], PlaneRollout()(*taken)[0]
    apart = (with_it - without).abs().amax((0, 2))  # (H,)
    assert apart[0] == 0.0
    assert apart[-1] > 0.0
