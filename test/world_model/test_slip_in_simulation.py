"""Boxes of known friction, lifted by the free hand with too little force and with enough."""

import numpy as np
import pytest

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import GripperCommand
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import PredictionConfig, TimingConfig, TouchConfig
from world_model_node.contact_estimation.contact_estimator import ContactEstimator
from world_model_node.inputs.hand_state import HandState, pad_force
from world_model_node.inputs.sensor_inputs import SensorInputs

ROBOT = read_robot_config()
HAND = ROBOT.hand

FRICTION_GRID = (0.2, 0.5, 0.9)
LIFTS_EACH = 8
TOUCH_HZ, LOOK_EVERY = 60, 6
LIFT_M = 0.12
SLIDING_MPS, STILL_MPS = 0.003, 0.0005
FINGERTIP_M = 0.105  # from the hand's frame to the middle of the pads
BOX = """<robot name="box"><link name="box">
<contact><lateral_friction value="{friction}"/></contact>
<inertial><mass value="{mass}"/>
<inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial>
<visual><geometry><box size="{x} {y} {z}"/></geometry></visual>
<collision><geometry><box size="{x} {y} {z}"/></geometry></collision></link></robot>"""


class Lift:
    """One lift: what was felt, and what was true."""

    def __init__(self, cell, path, friction, rng):
        self.cell, self.friction = cell, friction
        mass, size = rng.uniform(0.15, 0.5), rng.uniform([0.03, 0.03, 0.05], [0.06, 0.06, 0.10])
        needed_n = 0.5 * mass * 9.81 / friction
        self.force_n = float(np.clip(needed_n * rng.uniform(0.5, 2.5), 1.0, 40.0))
        numbers = dict(zip('xyz', size, strict=True))
        path.write_text(BOX.format(friction=friction, mass=mass, **numbers))
        T = np.eye(4)
        T[:3, 3] = 0.5, 0.0, size[2] / 2 + 0.001
        self.name = cell.spawn(path, T)
        self.size_m = size
        self.contact_estimator = ContactEstimator(TouchConfig(), PredictionConfig())
        self.inputs = SensorInputs(TimingConfig())
        self.looks = []  # (slides in truth, stands still in truth, probability of slip)

    def run(self):
        grasp = np.diag([1.0, -1.0, -1.0, 1.0])
        grasp[:3, 3] = 0.5, 0.0, 0.6 * self.size_m[2]
        above, up = grasp.copy(), grasp.copy()
        above[2, 3], up[2, 3] = 0.4, grasp[2, 3] + LIFT_M
        self.cell.command_gripper(GripperCommand(0.08, 20.0))
        self.cell.command_hand(np.array([0.0, 1.0, 2.0]), np.stack([above, above, grasp]))
        self.cell.step(2.3)
        self.cell.command_gripper(GripperCommand(0.0, self.force_n))
        self.feel(1.2)
        self.looks.clear()  # closing is neither holding nor lifting
        self.cell.command_hand(np.array([0.0, 1.5]), np.stack([grasp, up]))
        self.feel(2.2)
        self.cell.remove(self.name)
        return self

    def feel(self, duration_s):
        gaps = []
        for tick in range(round(duration_s * TOUCH_HZ)):
            self.cell.step(1.0 / TOUCH_HZ)
            pads = self.cell.tactile()
            for reading in pads:
                self.inputs.keep('tactile', reading)
            self.inputs.keep('wrench', self.cell.wrench())
            gaps.append(self._height_above_hand())
            if tick % LOOK_EVERY == LOOK_EVERY - 1 and tick >= LOOK_EVERY:
                self._look(pads, np.abs(np.diff(gaps[-LOOK_EVERY - 1 :])) * TOUCH_HZ)

    def _look(self, pads, speeds):
        T_hand = self.cell.world.robot.link_pose(ROBOT.gripper.hand_link)
        T = T_hand.copy()
        T[:3, 3] += FINGERTIP_M * T[:3, 2]
        rng = np.random.default_rng(0)
        shape = rng.uniform(-0.02, 0.02, (200, 3)) + T[:3, 3]
        force = np.array([pad_force(reading) for reading in pads])
        width = self.cell.joints().position[-2:].sum()
        links = (
            self.cell.world.robot.link_pose(link)[:3, :3]
            for link in ROBOT.sensors.pad_frames.values()
        )
        R_hand_pads = T[:3, :3].T @ np.stack(list(links))
        hand = HandState(self.cell.time_s, T, width, force, (), T_hand, R_hand_pads, geometry=HAND)
        held = self.contact_estimator.update({1: shape}, hand, self.inputs, self.cell.time_s)
        if held == 1 and (force > 0.3).all():
            told = self.contact_estimator.slip_probability(1)
            self.looks.append((speeds.min() > SLIDING_MPS, speeds.max() < STILL_MPS, told))

    def _height_above_hand(self):
        pose = self.cell.ground_truth()[0].T_world_object
        return pose[2, 3] - self.cell.world.robot.link_pose(ROBOT.gripper.hand_link)[2, 3]

    @property
    def slid(self):
        return sum(slides for slides, _, _ in self.looks) > 1


@pytest.fixture(scope='module')
def lifts(tmp_path_factory):
    cell = SimulatedCell(SimulationConfig(hand_only=True, scene='empty', count=0))
    folder, rng = tmp_path_factory.mktemp('boxes'), np.random.default_rng(11)
    done = []
    for number in range(LIFTS_EACH * len(FRICTION_GRID)):
        cell.reset(number)
        friction = FRICTION_GRID[number % len(FRICTION_GRID)]
        done.append(Lift(cell, folder / f'box{number}.urdf', friction, rng).run())
    yield done
    cell.close()


@pytest.mark.slow
def test_every_slip_is_felt_and_a_firm_grip_is_not_called_slipping(lifts, record_property):
    slid = [lift for lift in lifts if lift.slid]
    noticed = [lift for lift in slid if max(p for slides, _, p in lift.looks if slides) > 0.5]
    still = [p for lift in lifts for _, stands, p in lift.looks if stands]
    false = float(np.mean(np.array(still) > 0.5))
    record_property('slipping_lifts', len(slid))
    record_property('noticed', len(noticed))
    record_property('false_alarms_per_look', false)
    assert len(slid) >= 5 and len(lifts) - len(slid) >= 5
    assert len(noticed) >= 0.9 * len(slid)
    assert false < 0.1


@pytest.mark.slow
def test_friction_is_learnt_from_a_slip_and_never_got_wrong_by_a_firm_grip(lifts, record_property):
    def error(lift):
        return abs(lift.contact_estimator.slip_estimator.friction(1).mean - lift.friction)

    slid = float(np.median([error(lift) for lift in lifts if lift.slid]))
    every = float(np.mean([error(lift) for lift in lifts]))
    prior = float(np.mean([abs(0.5 - lift.friction) for lift in lifts]))
    record_property('friction_error_after_slip', slid)
    record_property('friction_error', every)
    record_property('friction_error_of_the_prior', prior)
    assert slid < 0.08  # the prior draws a little
    assert every < 0.8 * prior  # of firm grips little is learnt
