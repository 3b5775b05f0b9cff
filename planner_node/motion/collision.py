"""Which parts of the arm hit each other, the table, boxes, the observed cloud or what is held.

Every link is the convex hull of its mesh, the cloud is an octree of occupied voxels; pinocchio
poses them and coal tests all pairs in one call.
"""

from __future__ import annotations

from collections.abc import Iterable

import coal
import numpy as np
import pinocchio as pin

from planner_node.config import MotionConfig
from planner_node.motion.obstacles import BoxObstacle
from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.robot.link_geometry import LinkGeometry
from sakiyomi.robot.robot_model import RobotModel

SCENE, TABLE, HELD = 'scene', 'table', 'held object'
TABLE_SIZE_M = (4.0, 4.0, 1.0)
CUBE = np.array(np.meshgrid(*3 * [[-1.0, 1.0]])).reshape(3, -1).T  # (8, 3) corners
FLAT_HALF_M = 0.001
MARGIN_M = 1e-4  # without any, coal misses bodies whose centres coincide
Pair = tuple[str, str]
# for some thirty bodies, comparing all bounding boxes beats keeping a tree of them
BroadPhase = pin.BroadPhaseManager_NaiveCollisionManager


class CollisionModel:
    """Robot, obstacles and held object; answers for one configuration at a time."""

    def __init__(self, robot: RobotModel, config: MotionConfig):
        """Build the hulls, and find the pairs of links that touch by construction."""
        self.robot = robot
        self.config = config
        self.finger_width_m = robot.max_finger_width_m
        self._links = [item for link in robot.links for item in _hulls(link)]
        fixed = [link for link in robot.scenery if link.name != TABLE]  # see set_obstacles
        self._scenery = [item for link in fixed for item in _hulls(link)]
        self._obstacles: list[pin.GeometryObject] = []
        self._held: list[pin.GeometryObject] = []
        self._grasp_frame = robot.model.frames[robot.model.getFrameId(robot.spec.grasp_frame)]
        self._hand_links = self._links_near_grasp()
        self._data = robot.model.createData()
        self._touching: set[frozenset[str]] = set()
        self._rebuild()
        self._touching = self._always_touching()
        self._rebuild()

    def set_obstacles(
        self,
        cloud_m: np.ndarray,
        table_height_m: float | None = 0.0,
        boxes: Iterable[BoxObstacle] = (),
    ) -> None:
        """Replace all obstacles but the fixed work-cell of the URDF.

        Args:
            cloud_m: occupied points, world frame [m]. Shape (N, 3).
            table_height_m: top of the table [m]; None for no table.
            boxes: further solid boxes.

        Raises:
            BadInputError: the cloud is not (N, 3) or not finite.
        """
        obstacles = [_box_object(box) for box in boxes]
        if table_height_m is not None:
            top = table_height_m - self.config.table_allowance_m - TABLE_SIZE_M[2] / 2
            obstacles.append(
                _box_object(
                    BoxObstacle(TABLE, make_transform(translation=[0, 0, top]), TABLE_SIZE_M)
                )
            )
        if len(cloud_m):
            obstacles.append(_fixed(SCENE, _octree(cloud_m, self.config.voxel_m)))
        self._obstacles = obstacles
        self._rebuild()

    def attach(self, points_m: np.ndarray) -> None:
        """Carry the convex hull of points (N, 3), grasp frame [m]; flat ones are given thickness.

        Raises:
            BadInputError: no points, or not finite (N, 3).
        """
        joint = self._grasp_frame.parentJoint
        placement = self._grasp_frame.placement
        hull = _hull(points_m, HELD)
        self._held = [pin.GeometryObject(HELD, joint, placement, hull)]
        self._rebuild()

    def detach(self) -> None:
        """Carry nothing."""
        self._held = []
        self._rebuild()

    def hits(self, q: np.ndarray) -> bool:
        """Whether anything collides at arm angles (n,) [rad]."""
        return self._any(self._touch, q)

    def is_near(self, q: np.ndarray) -> bool:
        """Whether anything collides, or is within the clearance of an obstacle."""
        return self._any(self._near, q)

    def _any(self, broad_phase: BroadPhase, q: np.ndarray) -> bool:
        configuration = self.robot.configuration(q, self.finger_width_m)
        return pin.computeCollisions(
            self.robot.model, self._data, broad_phase, configuration, True
        )

    def pairs(self, q: np.ndarray) -> frozenset[Pair]:
        """Every pair of names that collides at arm angles (n,) [rad]."""
        configuration = self.robot.configuration(q, self.finger_width_m)
        if not pin.computeCollisions(
            self.robot.model, self._data, self._model, self._state, configuration, False
        ):
            return frozenset()
        results = self._state.collisionResults
        return frozenset(p for p, r in zip(self._pairs, results, strict=True) if r.isCollision())

    def _rebuild(self) -> None:
        model = pin.GeometryModel()
        fixed = self._scenery + self._obstacles
        items = self._links + self._held + fixed
        for i, item in enumerate(items):
            copy = item.copy()
            copy.name = f'{item.name}#{i}'  # pinocchio wants each name once
            model.addGeometryObject(copy)
        moving = len(self._links) + len(self._held)
        self._pairs: list[Pair] = []
        for i in range(moving):
            for j in range(i + 1, len(items)):
                if self._may_collide(items[i], items[j]):
                    model.addCollisionPair(pin.CollisionPair(i, j))
                    self._pairs.append((items[i].name, items[j].name))
        self._model, self._state = model, self._state_with(model, 0.0)
        self._touch = BroadPhase(self.robot.model, model, self._state)
        padded = self._state_with(model, self.config.clearance_m)
        self._near = BroadPhase(self.robot.model, model, padded)

    def _state_with(self, model: pin.GeometryModel, clearance_m: float) -> pin.GeometryData:
        """Collision state in which obstacles keep the clearance; the arm may be near itself."""
        state = model.createData()
        obstacle = len(self._links) + len(self._held)
        for pair, request in zip(model.collisionPairs, state.collisionRequests, strict=True):
            request.security_margin = MARGIN_M + clearance_m * (pair.second >= obstacle)
        return state

    def _may_collide(self, a: pin.GeometryObject, b: pin.GeometryObject) -> bool:
        if a.parentJoint == b.parentJoint or frozenset((a.name, b.name)) in self._touching:
            return False
        if HELD in (a.name, b.name):
            return not {a.name, b.name} & self._hand_links
        parents = self.robot.model.parents
        if b.parentJoint and parents[b.parentJoint] == parents[a.parentJoint]:
            return False  # the fingers
        adjacent = parents[b.parentJoint] == a.parentJoint and b.parentJoint > 0
        return not adjacent

    def _links_near_grasp(self) -> set[str]:
        """The hand and fingers, which a held object touches anyway."""
        joint = self._grasp_frame.parentJoint
        parents = self.robot.model.parents
        return {
            item.name
            for item in self._links
            if joint in (item.parentJoint, parents[item.parentJoint])
        }

    def _always_touching(self, samples: int = 100) -> set[frozenset[str]]:
        """Pairs that collide nearly everywhere or at home: neighbours whose hulls overlap."""
        rng = np.random.default_rng(0)
        q = rng.uniform(self.robot.q_lower, self.robot.q_upper, (samples, len(self.robot.q_home)))
        counts: dict[frozenset[str], int] = {}
        for row in q:
            for pair in self.pairs(row):
                counts[frozenset(pair)] = counts.get(frozenset(pair), 0) + 1
        always = {pair for pair, count in counts.items() if count > 0.95 * samples}
        return always | {frozenset(pair) for pair in self.pairs(self.robot.q_home)}


def _hulls(link: LinkGeometry) -> list[pin.GeometryObject]:
    placement = pin.SE3(link.T_joint_link)
    return [
        pin.GeometryObject(link.name, link.joint_id, placement, _hull(part, link.name))
        for part in link.parts_m
    ]


def _hull(points_m: np.ndarray, name: str) -> coal.Convex:
    points_m = np.asarray(points_m, dtype=float)
    if points_m.ndim != 2 or points_m.shape[1] != 3 or not np.isfinite(points_m).all():
        raise BadInputError(f'{name}: got shape {points_m.shape}, expected finite (N, 3) points')
    if not len(points_m):
        raise BadInputError(f'{name}: got no points, expected at least one')
    if np.linalg.matrix_rank(points_m - points_m.mean(axis=0), tol=1e-4) < 3:
        points_m = (points_m[:, None] + FLAT_HALF_M * CUBE).reshape(-1, 3)
    vertices = coal.StdVec_Vec3s()
    for point in points_m:
        vertices.append(point)
    return coal.Convex.convexHull(vertices, True, 'Qt')


def _octree(cloud_m: np.ndarray, voxel_m: float) -> coal.OcTree:
    cloud_m = np.asarray(cloud_m, dtype=float)
    if cloud_m.ndim != 2 or cloud_m.shape[1] != 3 or not np.isfinite(cloud_m).all():
        raise BadInputError(f'cloud: got shape {cloud_m.shape}, expected finite (N, 3) points')
    return coal.makeOctree(cloud_m, voxel_m)


def _box_object(box: BoxObstacle) -> pin.GeometryObject:
    return _fixed(box.name, coal.Box(*box.size_m), box.T_world_box)


def _fixed(
    name: str, shape: coal.CollisionGeometry, T_world_shape: np.ndarray | None = None
) -> pin.GeometryObject:
    T = np.eye(4) if T_world_shape is None else np.asarray(T_world_shape, dtype=float)
    return pin.GeometryObject(name, 0, pin.SE3(T), shape)
