"""Antipodal grasp candidates from a fused point cloud.

Candidates are sampled on the object's surface with the closing axis along the surface normal, and
from above at even yaw angles; each is then closed on the cloud in its own frame. Source: ten Pas
et al., Grasp Pose Detection in Point Clouds, IJRR 2017, section 4 (hand-frame checks), and Chen
and Burdick, Finding antipodal point grasps, 1993 (the friction-cone condition).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from planner_node.config import GraspConfig
from planner_node.gripper import Box, ParallelGripper
from sakiyomi.geometry import transform_points
from sakiyomi.scene import ObjectState, Scene

_CHUNK = 64  # candidates evaluated at once: bounds the (C, N, 3) array


@dataclass(frozen=True)
class GraspFeatures:
    """What the cloud says of a grasp; the input of the imagination."""

    width_m: float  # of the object between the pads
    alignment: tuple[float, float]  # cosine of outward normal and closing axis, per side
    contact_points: tuple[int, int]  # observed points at each contact
    lever_m: float  # horizontal distance of the object's centroid from the closing axis
    tilt_rad: float  # of the approach from straight down
    clearance_m: float  # free play between the open fingers and the nearest other point
    foreign_points: int  # points of other objects between the fingers
    wrap_m: float  # how far the object reaches above the pads' lower edge, along the approach


@dataclass(frozen=True)
class Grasp:
    """A hand pose with the opening to approach with; the frame is that of ParallelGripper."""

    object_id: int
    T_world_grasp: np.ndarray  # (4, 4)
    opening_m: float
    features: GraspFeatures
    force_n: float = 0.0
    predicted_success: float = 0.0

    def scored(self, predicted_success: float, force_n: float) -> Grasp:
        """A copy with what the imagination found."""
        return replace(self, predicted_success=predicted_success, force_n=force_n)


def outward_normals(points_m: np.ndarray, neighbours: int = 16) -> np.ndarray:
    """Unit normals by local principal components, pointing away from the middle of the cloud.

    For clouds that come without normals: right for convex shapes, wrong inside hollow ones.
    Shape (N, 3) → (N, 3).
    """
    k = min(neighbours, len(points_m))
    if k < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points_m), 1))
    _, index = cKDTree(points_m).query(points_m, k=k)
    patch = points_m[index]  # (N, k, 3)
    patch = patch - patch.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum('nki,nkj->nij', patch, patch))
    normals = vectors[:, :, 0]
    outward = points_m - (points_m.min(axis=0) + points_m.max(axis=0)) / 2
    return normals * np.where(np.einsum('nj,nj->n', normals, outward) < 0, -1.0, 1.0)[:, None]


def points_away_from(cloud_m: np.ndarray, own_m: np.ndarray, radius_m: float) -> np.ndarray:
    """The points of a cloud (N, 3) that are further than a radius from every point of another."""
    if not len(cloud_m) or not len(own_m):
        return cloud_m
    distance, _ = cKDTree(own_m).query(cloud_m, distance_upper_bound=radius_m)
    return cloud_m[~np.isfinite(distance)]


class GraspProposer:
    """Proposes grasps for one object of a scene."""

    def __init__(self, config: GraspConfig, gripper: ParallelGripper | None = None):
        self.config = config
        self.gripper = gripper or ParallelGripper()

    def propose(self, scene: Scene, target: ObjectState) -> list[Grasp]:
        """Collision-free candidates on the target, in no particular order."""
        own = transform_points(target.T_world_object, target.points_m).astype(np.float32)
        if len(own) < self.config.min_points:
            return []
        surface = self._surface(scene, own)
        rotations, anchors = self._sample(surface, target.id)
        grasps: list[Grasp] = []
        for start in range(0, len(anchors), _CHUNK):
            part = slice(start, start + _CHUNK)
            grasps += self._close(surface, rotations[part], anchors[part], target.id)
        return grasps

    def _surface(self, scene: Scene, own: np.ndarray) -> _Surface:
        """The cloud around the target, divided into what touches it and the rest.

        What hangs together with the target may be the target too, cut in two by the clustering,
        so the hand is closed on all of it.
        """
        low, high = own.min(axis=0) - 0.2, own.max(axis=0) + 0.2
        near = np.all((scene.cloud_m > low) & (scene.cloud_m < high), axis=1)
        cloud = scene.cloud_m[near]
        normals = scene.normals[near] if len(scene.normals) else outward_normals(cloud)
        distance, _ = cKDTree(own).query(cloud, distance_upper_bound=self.config.own_radius_m)
        is_own = np.isfinite(distance)
        touching = _reached(cloud, is_own, self.config.contiguous_m)
        limit = self.config.max_points
        return _Surface(
            points=_thinned(cloud[touching], limit),
            normals=_thinned(normals[touching], limit),
            is_own=_thinned(is_own[touching], limit),
            foreign=_thinned(cloud[~touching], limit),
            middle=(own.min(axis=0) + own.max(axis=0)) / 2,
            table_height_m=scene.table_height_m,
        )

    def _sample(self, surface: _Surface, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Hand rotations (C, 3, 3) and the points (C, 3) that they are anchored at."""
        rng = np.random.default_rng([self.config.seed, seed])
        own = np.flatnonzero(surface.is_own)
        picks = rng.choice(own, self.config.surface_anchors)
        side, side_anchor = self._along_normals(surface.points[picks], surface.normals[picks])
        picks = rng.choice(own, self.config.top_anchors)
        top, top_anchor = self._from_above(surface.points[picks])
        return np.concatenate([side, top]), np.concatenate([side_anchor, top_anchor])

    def _along_normals(
        self, anchors: np.ndarray, normals: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Closing axis along the normal, approaches fanned around it, none from below."""
        tilt_limit = np.cos(self.config.max_tilt_rad)
        y = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        down = np.array([0.0, 0.0, -1.0])
        z0 = down - (y @ down)[:, None] * y  # the approach closest to straight down
        length = np.linalg.norm(z0, axis=1)
        keep = length > 0.3  # a level surface has no side to close on
        y, z0, anchors = y[keep], z0[keep] / length[keep, None], anchors[keep]
        x0 = np.cross(y, z0)
        rotations, where = [], []
        for angle in np.linspace(-1, 1, self.config.fan) * self.config.max_tilt_rad:
            z = np.cos(angle) * z0 + np.sin(angle) * x0
            good = -z[:, 2] >= tilt_limit
            frames = np.stack([np.cross(y, z), y, z], axis=-1)
            rotations.append(frames[good])
            where.append(anchors[good])
        return np.concatenate(rotations), np.concatenate(where)

    def _from_above(self, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Straight down at even yaw angles."""
        yaw = np.arange(self.config.yaws) * np.pi / self.config.yaws
        zero, one = np.zeros_like(yaw), np.ones_like(yaw)
        y = np.stack([-np.sin(yaw), np.cos(yaw), zero], axis=-1)
        z = np.stack([zero, zero, -one], axis=-1)
        frames = np.stack([np.cross(y, z), y, z], axis=-1)  # (Y, 3, 3)
        return np.tile(frames, (len(anchors), 1, 1)), np.repeat(anchors, len(yaw), axis=0)

    def _close(
        self, surface: _Surface, R: np.ndarray, anchors: np.ndarray, object_id: int
    ) -> list[Grasp]:
        """Close the hand on the cloud at a few depths; keep what touches and does not collide."""
        own = _in_frames(R, anchors, surface.points)  # (C, N, 3)
        grasps = []
        for depth in self.config.depths_m:
            shift = np.array([0.0, 0.0, depth], np.float32)
            width, centre, ok = self._between_pads(own - shift)
            if not ok.any():
                continue
            origins = anchors[ok] + depth * R[ok][:, :, 2] + centre[ok, None] * R[ok][:, :, 1]
            batch = _Batch.of(R[ok], origins, surface)
            grasps += self._evaluate(batch, width[ok], surface, object_id)
        return grasps

    def _between_pads(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Width and middle along the closing axis of what the pads would meet, and if it fits."""
        g, c = self.gripper, self.config
        in_pads = self._in_pads(own)
        high = np.where(in_pads, own[..., 1], -1.0).max(axis=1)
        low = np.where(in_pads, own[..., 1], 1.0).min(axis=1)
        width = high - low
        ok = (in_pads.sum(axis=1) >= c.min_contact_points) & (width > c.min_width_m)
        ok &= width < g.max_opening_m - 2 * c.min_clearance_m
        return width, (high + low) / 2, ok

    def _in_pads(self, own: np.ndarray) -> np.ndarray:
        """Which points (C, N, 3) lie in the slab that the pads sweep. Shape (C, N)."""
        g = self.gripper
        inside = np.abs(own[..., 0]) < g.pad_half_width_m
        inside &= (own[..., 2] > g.pad_low_z_m) & (own[..., 2] < g.tip_z_m)
        return inside & (np.abs(own[..., 1]) < g.max_opening_m)

    def _evaluate(
        self, b: _Batch, width: np.ndarray, surface: _Surface, object_id: int
    ) -> list[Grasp]:
        """The candidates whose open hand touches neither the cloud nor the table."""
        opening, clear = self._open(b, width)
        corners = self.gripper.tip_corners(opening) @ np.swapaxes(b.R, 1, 2) + b.origins[:, None]
        lowest = surface.table_height_m + self.config.table_clearance_m
        ok = (clear > 0) & (corners[..., 2].min(axis=1) > lowest)
        in_pads = self._in_pads(b.own)
        return [
            self._grasp(b, surface, i, in_pads[i], width[i], opening[i], clear[i], object_id)
            for i in np.flatnonzero(ok)
        ]

    def _open(self, b: _Batch, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The widest collision-free opening of each candidate and its play; play 0 if none."""
        opening, best = np.full(len(width), self.gripper.max_opening_m), np.zeros(len(width))
        for play in sorted(self.config.plays_m):
            wanted = np.minimum(width + 2 * play, self.gripper.max_opening_m)
            free = ~self._hits(b, wanted)
            opening, best = (
                np.where(free, wanted, opening),
                np.where(free, (wanted - width) / 2, best),
            )
        return opening, best

    def _hits(self, b: _Batch, opening: np.ndarray) -> np.ndarray:
        """Whether fingers or palm would touch points. Opening (C,) → (C,) bool."""
        hit = np.zeros(len(opening), bool)
        for points in (b.own, b.foreign):
            if not points.shape[1]:
                continue
            # the fingers' inner faces sit at +-opening/2: measure y from there
            y = np.abs(points[..., 1]) - (opening / 2)[:, None]
            folded = np.stack([points[..., 0], y, points[..., 2]], axis=-1)
            count = sum(
                _inside(folded, box).sum(axis=1)
                for box in self.gripper.finger_boxes(0.0, self.config.margin_m)[::2]
            )
            count = count + _inside(points, self.gripper.palm_box()).sum(axis=1)
            hit |= count > self.config.tolerated_points
        return hit

    def _grasp(
        self,
        b: _Batch,
        surface: _Surface,
        i: int,
        in_pads: np.ndarray,
        width: float,
        opening: float,
        clear: float,
        object_id: int,
    ) -> Grasp:
        own = b.own[i]
        sides = [
            in_pads & (sign * own[:, 1] > width / 2 - self.config.contact_depth_m)
            for sign in (1.0, -1.0)
        ]
        align = tuple(
            float(sign * b.normal_y[i, s].mean()) if s.any() else 0.0
            for sign, s in zip((1.0, -1.0), sides, strict=True)
        )
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = b.R[i], b.origins[i]
        offset = surface.middle - T[:3, 3]
        between = np.abs(b.foreign[i, :, 1]) < opening / 2
        between &= np.abs(b.foreign[i, :, 0]) < self.gripper.pad_half_width_m
        between &= np.abs(b.foreign[i, :, 2]) < -self.gripper.pad_low_z_m
        features = GraspFeatures(
            width_m=float(width),
            alignment=align,
            contact_points=(int(sides[0].sum()), int(sides[1].sum())),
            lever_m=_horizontal_lever(offset, T[:3, 1]),
            tilt_rad=float(np.arccos(np.clip(-T[2, 2], -1, 1))),
            clearance_m=float(clear),
            foreign_points=int(between.sum()),
            wrap_m=float(self.gripper.tip_z_m - own[in_pads, 2].min()),
        )
        return Grasp(object_id, T, float(opening), features)


def _horizontal_lever(offset: np.ndarray, axis: np.ndarray) -> float:
    """How far gravity's line through the centroid passes from the closing axis [m]."""
    length = np.linalg.norm(axis[:2])
    if length < 0.1:  # closing vertically: gravity pulls across the whole offset
        return float(np.linalg.norm(offset[:2]))
    flat = axis[:2] / length
    return float(abs(offset[0] * flat[1] - offset[1] * flat[0]))


def _thinned(points: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` points, evenly taken, so that the work is bounded."""
    return points[:: -(-len(points) // limit)] if len(points) > limit else points


def _reached(cloud: np.ndarray, seeds: np.ndarray, step_m: float) -> np.ndarray:
    """Which points hang together with the seeds by steps no longer than this. Shape (N,) bool."""
    pairs = cKDTree(cloud).query_pairs(step_m, output_type='ndarray')
    links = coo_matrix((np.ones(len(pairs), bool), pairs.T), (len(cloud), len(cloud)))
    _, label = connected_components(links, directed=False)
    return np.isin(label, np.unique(label[seeds]))


@dataclass(frozen=True)
class _Surface:
    points: np.ndarray  # (N, 3) the target and what touches it
    normals: np.ndarray  # (N, 3)
    is_own: np.ndarray  # (N,) the target itself
    foreign: np.ndarray  # (M, 3)
    middle: np.ndarray  # (3,) of the target's box: a partial view biases the mean
    table_height_m: float


@dataclass(frozen=True)
class _Batch:
    """C hands and the cloud as each of them sees it."""

    R: np.ndarray  # (C, 3, 3)
    origins: np.ndarray  # (C, 3)
    own: np.ndarray  # (C, N, 3) in each grasp frame
    foreign: np.ndarray  # (C, M, 3)
    normal_y: np.ndarray  # (C, N) cosine of each own normal and the closing axis

    @staticmethod
    def of(R: np.ndarray, origins: np.ndarray, surface: _Surface) -> _Batch:
        """See the surface from C frames."""
        own = _in_frames(R, origins, surface.points)
        foreign = _in_frames(R, origins, surface.foreign)
        normal_y = R[:, :, 1].astype(np.float32) @ surface.normals.T.astype(np.float32)
        return _Batch(R, origins, own, foreign, normal_y)


def _in_frames(R: np.ndarray, origins: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) in C frames. Shape (C, N, 3)."""
    R32, o32 = R.astype(np.float32), origins.astype(np.float32)
    return np.matmul(points.astype(np.float32)[None] - o32[:, None], R32)


def _inside(points: np.ndarray, box: Box) -> np.ndarray:
    """Which points lie in the box. Shape (..., 3) → (...)."""
    inside = (points[..., 0] > box.low[0]) & (points[..., 0] < box.high[0])
    inside &= (points[..., 1] > box.low[1]) & (points[..., 1] < box.high[1])
    return inside & (points[..., 2] > box.low[2]) & (points[..., 2] < box.high[2])
