"""A plan of small motions from home, for an arm that meets nothing."""

import numpy as np
from grasp_scenes import GOOD, box_surface, tracked
from stand_in_robot import Q_HOME, StandInArmDriver, StandInGripperDriver, StandInRobot

from planner_node.config import ExecutionConfig
from planner_node.execution.pick_execution import PickExecution
from planner_node.grasping.grasp import Grasp
from planner_node.motion.planning_scene import PlanningScene
from planner_node.pick_plan import PickPlan, Stage
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory

FORCE_N = 20.0
STEP_S = 0.01


def motion(start_rad, goal_rad, duration_s=1.0):
    """All joints together from home + start to home + goal, at rest at both ends."""
    t = np.linspace(0.0, duration_s, round(duration_s / 0.02) + 1)
    u = t / duration_s
    share, rate = 3 * u**2 - 2 * u**3, (6 * u - 6 * u**2) / duration_s
    way = (goal_rad - start_rad) * np.ones(7)
    return JointTrajectory(t, Q_HOME + start_rad + share[:, None] * way, rate[:, None] * way)


MOTIONS = {
    'reach': (0.0, 0.4, 1.2),
    'approach': (0.4, 0.5),
    'lift': (0.5, 0.4),
    'carry': (0.4, -0.3, 1.5),
    'leave': (-0.3, -0.2),
    'retreat': (-0.2, 0.0),
    'abort': (0.4, 0.0),
}


def plan(opening_m=0.07):
    scene = PlanningScene()
    return PickPlan(
        grasp=Grasp(1, np.eye(4), opening_m, GOOD, FORCE_N, 0.9),
        target=tracked(1, box_surface(np.array([0.5, 0.0, 0.03]), np.full(3, 0.05), 50)),
        stages=tuple(Stage(name, scene, motion(*way)) for name, way in MOTIONS.items()),
        plan_s=0.5,
    )


ROBOT = RobotModel(compose())


class Trial:
    """A pick by a stand-in robot; `events` maps a phase to what happens when it begins."""

    def __init__(self, robot=None, answers=True, config=None, object_width_m=0.04):
        self.robot = robot or StandInRobot()
        self.robot.gripper.object_width_m = object_width_m
        self.arm = StandInArmDriver(self.robot.arm, answers)
        self.gripper = StandInGripperDriver(self.robot.gripper, answers)
        self.execution = PickExecution(
            plan(), config or ExecutionConfig(), self.arm, self.gripper, ROBOT
        )
        self.phases = []

    def run(self, events=None, limit_s=60.0, until=lambda trial: False, speed_override=None):
        """Step until the pick is over; returns the execution."""
        events, end_s = dict(events or {}), self.robot.now_s + limit_s
        while not self.execution.done and self.robot.now_s < end_s and not until(self):
            self.step(speed_override)
            if not self.phases or self.phases[-1] != self.execution.phase:
                self.phases.append(self.execution.phase)
                events.pop(self.execution.phase, lambda robot: None)(self.robot)
        return self.execution

    def step(self, speed_override=None):
        before = self.robot.state()
        self.robot.step(STEP_S)
        if self.robot.state() is not before:
            if speed_override is None:
                self.execution.step(self.robot.state())
            else:
                self.execution.step(self.robot.state(), speed_override(self), 2.0)

    def coast(self, duration_s=2.0):
        """Let time pass without the planner."""
        for _ in range(round(duration_s / STEP_S)):
            self.robot.step(STEP_S)
