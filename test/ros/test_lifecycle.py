import signal

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from sakiyomi_ros.qos import topic_qos

EMPTY = ('-p', 'scene:=empty', '-p', 'count:=0')


def transition(observer, node, number):
    request = ChangeState.Request(transition=Transition(id=number))
    return observer.call(ChangeState, f'/{node}/change_state', request).success


def state(observer, node):
    answer = observer.call(GetState, f'/{node}/get_state', GetState.Request())
    return answer.current_state.label


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
@pytest.mark.parametrize('node', ['simulation', 'world_model'])
def test_a_signal_ends_an_active_node_with_exit_code_0(start, observer, node, number):
    process = start(f'{node}_node.node', *EMPTY)
    observer.wait_for(lambda: state(observer, node) == 'active', f'{node} to be active')
    status, errors = process.end(number)
    assert status == 0, errors
    assert 'Traceback' not in errors


def test_the_simulation_speaks_only_while_it_is_active(start, observer):
    start('simulation_node.node', *EMPTY)
    clocks = observer.collect(Clock, '/clock', topic_qos('/clock').requested)
    joints = observer.collect(JointState, 'joint_states', topic_qos('joint_states').requested)
    observer.wait_for(lambda: clocks and joints, 'the first messages')
    assert transition(observer, 'simulation', Transition.TRANSITION_DEACTIVATE)
    observer.spin(0.3)  # what was still on its way
    clocks.clear(), joints.clear()
    observer.spin(0.7)
    assert not clocks and not joints
    assert transition(observer, 'simulation', Transition.TRANSITION_ACTIVATE)
    observer.wait_for(lambda: clocks and joints, 'messages after activation')


def test_a_node_can_be_cleaned_up_and_configured_again(start, observer):
    start('simulation_node.node', *EMPTY, '-p', 'autostart:=false')
    clocks = observer.collect(Clock, '/clock', topic_qos('/clock').requested)
    assert state(observer, 'simulation') == 'unconfigured'
    for _ in range(2):
        clocks.clear()
        for number in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
        ):
            assert transition(observer, 'simulation', number)
        observer.wait_for(lambda: clocks, 'the clock')
        for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
            assert transition(observer, 'simulation', number)
    assert state(observer, 'simulation') == 'unconfigured'


def test_a_node_that_cannot_be_configured_says_why_and_stays(start, observer, tmp_path):
    arguments = ('-p', f'objects:={tmp_path}/nowhere', '-p', 'autostart:=false')
    process = start('simulation_node.node', *arguments)
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    assert not transition(observer, 'simulation', Transition.TRANSITION_CONFIGURE)

    def said():
        return any('no such folder' in s.message for r in reports for s in r.status)

    observer.wait_for(said, 'the reason on /diagnostics')
    assert process.running


def test_a_missing_object_folder_is_one_clear_line_and_exit_code_2(start, tmp_path):
    status, errors = start('simulation_node.node', '-p', f'objects:={tmp_path}/nowhere').wait()
    assert status == 2
    assert 'nowhere' in errors and 'no such folder' in errors
    assert 'Traceback' not in errors


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('world_model:\n  ros__parameters: [\n', 'not valid YAML'),
        ('- just\n- a list\n', 'got list, expected a map'),
        ('world_model:\n  ros__parameters:\n    rate_hz: -3.0\n', 'rate_hz: got -3.0'),
    ],
)
def test_a_broken_parameter_file_is_one_clear_line_and_exit_code_2(start, tmp_path, text, reason):
    path = tmp_path / 'broken.yaml'
    path.write_text(text)
    status, errors = start('world_model_node.node', '--params-file', str(path)).wait()
    assert status == 2
    lines = [line for line in errors.splitlines() if 'pybullet build time' not in line]
    assert len(lines) == 1, errors
    assert reason in lines[0]
