"""Collisions of the arm with itself, the table, boxes, the observed cloud or the held object.

Every link is the convex hull of its mesh, the cloud is an octree of occupied voxels; pinocchio
poses them and coal tests all pairs in one call.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

import coal
import numpy as np
import pinocchio as pin

from planner_node.config import MotionConfig
from planner_node.motion.planning_scene import BoxObstacle, PlanningScene
from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.robot.link_geometry import LinkGeometry
from sakiyomi.robot.robot_model import RobotModel

SCENE, TABLE, HELD = 'scene', 'table', 'held object'
TABLE_SIZE_M = (4.0, 4.0, 1.0)
CUBE = np.array(np.meshgrid(*3 * [[-1.0, 1.0]])).reshape(3, -1).T  # (8, 3) corners
MIN_HALF_THICKNESS_M = 0.001
MARGIN_M = 1e-4  # without any, coal misses bodies whose centres coincide
KEPT_SCENES = 6  # a pick is planned in no more
Pair = tuple[str, str]
# for some thirty bodies, comparing all bounding boxes beats keeping a tree of them
BroadPhase = pin.BroadPhaseManager_NaiveCollisionManager


class CollisionModel:
    """The robot's links as hulls; makes the checker of a scene."""

    def __init__(self, robot: RobotModel, config: MotionConfig):
        """Build the hulls, and find the pairs of links that touch by construction."""
        self.robot = robot
        self.config = config
        self.links = [item for link in robot.links for item in _hulls(link)]
        fixed = [
            link for link in robot.fixed_geometry if link.name != TABLE
        ]  # a scene brings its own
        self._fixed_geometry = [item for link in fixed for item in _hulls(link)]
        self._grasp_frame = robot.model.frames[
            robot.model.getFrameId(robot.config.gripper.grasp_frame)
        ]
        self._hand_links = self._links_near_grasp()
        self._adjacent_links: set[frozenset[str]] = set()
        self._recent: deque[tuple[PlanningScene, Bodies]] = deque(maxlen=KEPT_SCENES)
        self._lock = Lock()
        self._adjacent_links = self._find_adjacent_links()
        self._recent.clear()  # made before the touching pairs were known

    def checker(self, scene: PlanningScene) -> CollisionChecker:
        """The checker of one scene, for use by one thread at a time.

        Raises:
            BadInputError: the cloud or the held points are not finite (N, 3), or nothing is held.
        """
        width_m = scene.finger_width_m
        width_m = self.robot.max_finger_width_m if width_m is None else float(width_m)
        return CollisionChecker(self.robot, self._bodies(scene), width_m)

    def _bodies(self, scene: PlanningScene) -> Bodies:
        """Made once for scenes that differ by no more than the opening of the hand."""
        with self._lock:
            for known, bodies in self._recent:
                if known.same_geometry(scene):
                    return bodies
            bodies = self._make_bodies(scene)
            self._recent.append((scene, bodies))
            return bodies

    def _make_bodies(self, scene: PlanningScene) -> Bodies:
        fixed = self._fixed_geometry + self._obstacles(scene)
        moving = self.links + self._held(scene)
        items = moving + fixed
        pairs = [
            (i, j)
            for i in range(len(moving))
            for j in range(i + 1, len(items))
            if self._may_collide(items[i], items[j])
        ]
        return Bodies(self.robot, items, len(moving), pairs, self.config.clearance_m)

    def _obstacles(self, scene: PlanningScene) -> list[pin.GeometryObject]:
        obstacles = [_box_object(box) for box in scene.boxes]
        if scene.table_height_m is not None:
            top = scene.table_height_m - self.config.table_allowance_m - TABLE_SIZE_M[2] / 2
            middle = make_transform(translation=[0, 0, top])
            obstacles.append(_box_object(BoxObstacle(TABLE, middle, TABLE_SIZE_M)))
        if len(scene.cloud_m):
            obstacles.append(_fixed(SCENE, _octree(scene.cloud_m, self.config.voxel_m)))
        return obstacles

    def _held(self, scene: PlanningScene) -> list[pin.GeometryObject]:
        """The convex hull of the held points; flat ones are given thickness."""
        if scene.held_m is None:
            return []
        joint, placement = self._grasp_frame.parentJoint, self._grasp_frame.placement
        return [pin.GeometryObject(HELD, joint, placement, _hull(scene.held_m, HELD))]

    def _may_collide(self, a: pin.GeometryObject, b: pin.GeometryObject) -> bool:
        if a.parentJoint == b.parentJoint or frozenset((a.name, b.name)) in self._adjacent_links:
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
            for item in self.links
            if joint in (item.parentJoint, parents[item.parentJoint])
        }

    def _find_adjacent_links(self, samples: int = 100) -> set[frozenset[str]]:
        """Pairs that collide nearly everywhere or at home: neighbours whose hulls overlap."""
        checker = self.checker(PlanningScene(table_height_m=None))
        rng = np.random.default_rng(0)
        q = rng.uniform(self.robot.q_lower, self.robot.q_upper, (samples, len(self.robot.q_home)))
        counts: dict[frozenset[str], int] = {}
        for row in q:
            for pair in checker.colliding_pairs(row):
                counts[frozenset(pair)] = counts.get(frozenset(pair), 0) + 1
        always = {pair for pair, count in counts.items() if count > 0.95 * samples}
        return always | {frozenset(pair) for pair in checker.colliding_pairs(self.robot.q_home)}


class Bodies:
    """The bodies of one scene and the pairs of them that may collide, as pinocchio keeps them.

    Args:
        robot: whose model poses the moving bodies.
        items: the moving bodies first, then the fixed ones.
        moving: how many move.
        pairs: indices of those that are compared.
        clearance_m: distance that the arm keeps from obstacles where there is room for it.
    """

    def __init__(
        self,
        robot: RobotModel,
        items: list[pin.GeometryObject],
        moving: int,
        pairs: list[tuple[int, int]],
        clearance_m: float,
    ) -> None:
        self.model = pin.GeometryModel()
        for i, item in enumerate(items):
            copy = item.copy()
            copy.name = f'{item.name}#{i}'  # pinocchio wants each name once
            self.model.addGeometryObject(copy)
        for pair in pairs:
            self.model.addCollisionPair(pin.CollisionPair(*pair))
        self.names = [(items[i].name, items[j].name) for i, j in pairs]
        self.data = robot.model.createData()
        self.state = self._state_with(moving, 0.0)
        self.touch = BroadPhase(robot.model, self.model, self.state)
        self.near = BroadPhase(robot.model, self.model, self._state_with(moving, clearance_m))

    def _state_with(self, moving: int, clearance_m: float) -> pin.GeometryData:
        """Collision state in which obstacles keep the clearance; the arm may be near itself."""
        state = self.model.createData()
        for pair, request in zip(self.model.collisionPairs, state.collisionRequests, strict=True):
            request.security_margin = MARGIN_M + clearance_m * (pair.second >= moving)
        return state


class CollisionChecker:
    """Answers for one scene, one configuration at a time."""

    def __init__(self, robot: RobotModel, bodies: Bodies, finger_width_m: float) -> None:
        self._robot, self._bodies, self._width_m = robot, bodies, finger_width_m

    def in_collision(self, q: np.ndarray) -> bool:
        """Whether a pair collides at arm angles (n,) [rad]."""
        return self._any_collision(self._bodies.touch, q)

    def near_obstacle(self, q: np.ndarray) -> bool:
        """Whether a pair collides, or a link is within the clearance of an obstacle."""
        return self._any_collision(self._bodies.near, q)

    def colliding_pairs(self, q: np.ndarray) -> frozenset[Pair]:
        """Every pair of names that collides at arm angles (n,) [rad]."""
        bodies, configuration = self._bodies, self._robot.configuration(q, self._width_m)
        if not pin.computeCollisions(
            self._robot.model, bodies.data, bodies.model, bodies.state, configuration, False
        ):
            return frozenset()
        results = bodies.state.collisionResults
        return frozenset(p for p, r in zip(bodies.names, results, strict=True) if r.isCollision())

    def describe_collision(self, q: np.ndarray) -> str | None:
        """The first of the pairs in alphabetical order, such as 'hand with scene'."""
        return describe(self.colliding_pairs(q))

    def _any_collision(self, broad_phase: BroadPhase, q: np.ndarray) -> bool:
        configuration = self._robot.configuration(q, self._width_m)
        return pin.computeCollisions(
            self._robot.model, self._bodies.data, broad_phase, configuration, True
        )


def describe(pairs: frozenset[Pair]) -> str | None:
    """The first pair in alphabetical order, in words."""
    return ' with '.join(min(pairs)) if pairs else None


def _hulls(link: LinkGeometry) -> list[pin.GeometryObject]:
    placement = pin.SE3(link.T_joint_link)
    return [
        pin.GeometryObject(link.name, link.joint_id, placement, _hull(part, link.name))
        for part in link.convex_parts_m
    ]


def _hull(points_m: np.ndarray, name: str) -> coal.Convex:
    points_m = np.asarray(points_m, dtype=float)
    if points_m.ndim != 2 or points_m.shape[1] != 3 or not np.isfinite(points_m).all():
        raise BadInputError(f'{name}: got shape {points_m.shape}, expected finite (N, 3) points')
    if not len(points_m):
        raise BadInputError(f'{name}: got no points, expected at least one')
    if np.linalg.matrix_rank(points_m - points_m.mean(axis=0), tol=1e-4) < 3:
        points_m = (points_m[:, None] + MIN_HALF_THICKNESS_M * CUBE).reshape(-1, 3)
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
