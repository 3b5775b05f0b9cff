"""Scene, prediction and action types, shared by perception and planning.

Units are SI; poses are 4x4 homogeneous matrices `T_world_object`; a 6-vector is (linear, angular)
in the world frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

NO_OBJECT = -1
CONTACT_SOURCES = ('left', 'right', 'wrist')  # the pads, and contacts that only the wrist measures


@dataclass(frozen=True)
class Gaussian:
    """A scalar estimate."""

    mean: float
    variance: float


@dataclass(frozen=True)
class HiddenProperties:
    """The physical properties of an object, each with its uncertainty."""

    mass_kg: Gaussian
    friction: Gaussian
    restitution: Gaussian
    center_of_mass_m: np.ndarray  # (3,) in the object frame
    center_of_mass_covariance: np.ndarray  # (3, 3)


@dataclass(frozen=True)
class ObjectState:
    """One tracked object."""

    id: int
    stamp_s: float
    T_world_object: np.ndarray  # (4, 4)
    pose_covariance: np.ndarray  # (6, 6) position [m^2] then rotation vector [rad^2], world frame
    twist: np.ndarray  # (6,) m/s, rad/s
    twist_covariance: np.ndarray  # (6, 6)
    points_m: np.ndarray  # (N, 3) float32 surface in the object frame
    colors: np.ndarray  # (N, 3) uint8; grey where only the LiDAR saw the point
    properties: HiddenProperties
    visible: bool = True  # seen in the newest frame
    held: bool = False  # between the fingers
    completed: np.ndarray = field(  # (N,) bool points of shape completion; or empty: all were seen
        default_factory=lambda: np.zeros(0, bool)
    )
    slip_probability: float = 0.0  # probability of sliding between the fingers at this instant
    surprise: float = 0.0  # distance from the predicted pose [sigma]

    @property
    def observed_points_m(self) -> np.ndarray:
        """The points that a sensor saw, without those of shape completion. Shape (M, 3)."""
        return self.points_m[~self.completed] if len(self.completed) else self.points_m


@dataclass(frozen=True)
class ContactPoints:
    """Contacts on the robot, in the world frame."""

    points_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    normals: np.ndarray = field(  # (N, 3) unit, out of what touches and into the robot
        default_factory=lambda: np.zeros((0, 3))
    )
    forces_n: np.ndarray = field(  # (N, 3) on the robot
        default_factory=lambda: np.zeros((0, 3))
    )
    object_ids: np.ndarray = field(  # (N,) of the object there, NO_OBJECT where none is known
        default_factory=lambda: np.zeros(0, int)
    )
    sources: np.ndarray = field(  # (N,) rows of CONTACT_SOURCES
        default_factory=lambda: np.zeros(0, int)
    )


@dataclass(frozen=True)
class Scene:
    """The belief at one instant; the table is the plane z = `table_height_m`."""

    stamp_s: float
    objects: tuple[ObjectState, ...]
    cloud_m: np.ndarray  # (N, 3) float32 fused points above the table, world frame, robot removed
    table_height_m: float = 0.0
    stale: tuple[str, ...] = ()  # of 'camera', 'lidar', 'tactile', 'joints': no fresh data
    normals: np.ndarray = field(  # (N, 3) float32 of the cloud, towards the sensors; or empty
        default_factory=lambda: np.zeros((0, 3), np.float32)
    )
    contacts: ContactPoints = field(default_factory=ContactPoints)
    belt_velocity_mps: np.ndarray = field(  # (2,) of the table where it is a conveyor belt
        default_factory=lambda: np.zeros(2)
    )

    def object_by_id(self, object_id: int) -> ObjectState | None:
        """The object with this id, or None."""
        return next((o for o in self.objects if o.id == object_id), None)


@dataclass(frozen=True)
class HandMotion:
    """A candidate action: where the grasp frame and the fingers go over the horizon."""

    times_s: np.ndarray  # (T,) from now
    T_world_grasp: np.ndarray  # (T, 4, 4)
    finger_width_m: np.ndarray  # (T,) opening between the pads
    force_n: float  # grip force limit


@dataclass(frozen=True)
class Prediction:
    """The future of one object over H steps."""

    object_id: int
    stamps_s: np.ndarray  # (H,)
    T_world_object: np.ndarray  # (H, 4, 4)
    pose_covariance: np.ndarray  # (H, 6, 6)
    twist: np.ndarray  # (H, 6)
    twist_covariance: np.ndarray  # (H, 6, 6)
    held_probability: np.ndarray  # (H,) in the hand at that time, 0 where no hand touches it
    slip_probability: np.ndarray  # (H,)


@dataclass(frozen=True)
class RobotState:
    """The arm and the hand as the planner needs them."""

    stamp_s: float
    q: np.ndarray  # (7,) rad, arm joints
    dq: np.ndarray  # (7,) rad/s
    finger_width_m: float  # opening between the pads
    finger_force_n: np.ndarray  # (2,) normal force on the left and right pad
    wrench: np.ndarray = field(
        default_factory=lambda: np.zeros(6)
    )  # (6,) at the wrist, hand frame
    wrench_known: bool = True  # False: the robot has no wrist sensor


@dataclass(frozen=True)
class JointTrajectory:
    """A time-parameterised motion of the seven arm joints."""

    times_s: np.ndarray  # (T,) from its start, first 0
    q: np.ndarray  # (T, 7)
    dq: np.ndarray  # (T, 7)

    @property
    def duration_s(self) -> float:
        """Seconds from first to last waypoint."""
        return float(self.times_s[-1])

    def sample(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (B, 7) and velocities (B, 7) at times (B,): cubic, at rest beyond the ends."""
        t = np.clip(times_s, self.times_s[0], self.times_s[-1])
        if len(self.times_s) == 1:
            q = np.repeat(self.q, len(t), axis=0)
            return q, np.zeros_like(q)
        i = np.clip(np.searchsorted(self.times_s, t, side='right') - 1, 0, len(self.times_s) - 2)
        h = (self.times_s[i + 1] - self.times_s[i])[:, None]
        u = (t - self.times_s[i])[:, None] / h
        q0, dq0, dq1, d = self.q[i], self.dq[i], self.dq[i + 1], self.q[i + 1] - self.q[i]
        q = q0 + h * u * dq0 + u**2 * (3 * d - h * (2 * dq0 + dq1))
        q += u**3 * (h * (dq0 + dq1) - 2 * d)
        dq = dq0 + 2 * u * (3 * d / h - 2 * dq0 - dq1) + 3 * u**2 * (dq0 + dq1 - 2 * d / h)
        early, late = times_s < self.times_s[0], times_s >= self.times_s[-1]
        q = np.where(late[:, None], self.q[-1], q)
        return q, np.where((early | late)[:, None], 0.0, dq)

    def blended_from(self, q: np.ndarray) -> JointTrajectory:
        """The motion begun at `q` (7,) instead, which it gradually makes up for; the same end."""
        u = self.times_s / max(self.duration_s, 1e-9)
        left, rate = 1.0 - (3 - 2 * u) * u**2, -6 * u * (1 - u) / max(self.duration_s, 1e-9)
        off = q - self.q[0]
        return JointTrajectory(
            self.times_s, self.q + left[:, None] * off, self.dq + rate[:, None] * off
        )

    def reversed(self) -> JointTrajectory:
        """The same path backwards in time."""
        return JointTrajectory(self.times_s[-1] - self.times_s[::-1], self.q[::-1], -self.dq[::-1])


@dataclass(frozen=True)
class GripperCommand:
    """Move the pads to an opening, pressing no harder than the limit."""

    width_m: float
    force_n: float
