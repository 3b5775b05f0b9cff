"""Antipodal grasp candidates from a fused point cloud.

Candidate hands are sampled on the surface; each is then closed on the cloud in its own frame.
Source: ten Pas et al., Grasp Pose Detection in Point Clouds, IJRR 2017, section 4 (checks in
the hand's frame), and Chen and Burdick, Finding antipodal point grasps, 1993 (the condition on the
normals).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner_node.config import GraspConfig
from planner_node.grasping.grasp import Grasp, GraspFeatures
from planner_node.grasping.gripper import Box, ParallelGripper
from planner_node.grasping.hand_poses import sample_hand_poses
from planner_node.grasping.local_cloud import LocalCloud, extract_local_cloud
from sakiyomi.geometry import transform_points
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.scene import ObjectState, Scene

CHUNK_SIZE = 64  # candidates evaluated at once: bounds the (C, N, 3) array


def with_denser_sampling(config: GraspConfig) -> GraspConfig:
    """Four times the candidates, and fingers that may come as near as their margin."""
    return replace(
        config,
        num_side_samples=2 * config.num_side_samples,
        num_top_samples=2 * config.num_top_samples,
        num_yaws=2 * config.num_yaws,
        num_approaches=2 * config.num_approaches - 1,
        lateral_clearances_m=(config.margin_m, *config.lateral_clearances_m),
        min_clearance_m=config.margin_m,
    )


class GraspProposer:
    """Proposes grasps for one object of a scene."""

    def __init__(self, config: GraspConfig, hand: HandGeometry) -> None:
        self.config, self.hand = config, hand
        self.gripper = ParallelGripper(hand)

    def propose(self, scene: Scene, target: ObjectState) -> list[Grasp]:
        """Collision-free candidates on the target, in no particular order."""
        own = transform_points(target.T_world_object, target.observed_points_m).astype(np.float32)
        if len(own) < self.config.min_points:
            return []
        cloud = extract_local_cloud(scene, own, self.config)
        if not cloud.is_target.any():  # tracked, but not in this cloud
            return []
        rotations, anchors = sample_hand_poses(cloud, self.config, target.id)
        grasps: list[Grasp] = []
        for start in range(0, len(anchors), CHUNK_SIZE):
            part = slice(start, start + CHUNK_SIZE)
            grasps += self._close_hands(cloud, rotations[part], anchors[part], target.id)
        return grasps

    def _close_hands(
        self, cloud: LocalCloud, R: np.ndarray, anchors: np.ndarray, object_id: int
    ) -> list[Grasp]:
        """Close the hand on the cloud at a few depths; keep contacts without collision."""
        own = _in_frames(R, anchors, cloud.points)  # (C, N, 3)
        grasps = []
        for depth in self.config.depths_m:
            shift = np.array([0.0, 0.0, depth], np.float32)
            width, centre, ok = self._between_pads(own - shift)
            if not ok.any():
                continue
            origins = anchors[ok] + depth * R[ok][:, :, 2] + centre[ok, None] * R[ok][:, :, 1]
            batch = _HandBatch.of(R[ok], origins, cloud)
            grasps += self._evaluate(batch, width[ok], cloud, object_id)
        return grasps

    def _between_pads(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Width and centre of the points between the pads along the closing axis, and the fit."""
        c = self.config
        in_pads = self._in_pads(own)
        high = np.where(in_pads, own[..., 1], -1.0).max(axis=1)
        low = np.where(in_pads, own[..., 1], 1.0).min(axis=1)
        width = high - low
        ok = (in_pads.sum(axis=1) >= c.min_contact_points) & (width > c.min_width_m)
        ok &= width < self.hand.max_opening_m - 2 * c.min_clearance_m
        return width, (high + low) / 2, ok

    def _in_pads(self, own: np.ndarray) -> np.ndarray:
        """Which points (C, N, 3) lie in the slab that the pads sweep. Shape (C, N)."""
        h = self.hand
        inside = np.abs(own[..., 0]) < h.flat_half_width_m
        inside &= (own[..., 2] > h.flat_low_z_m) & (own[..., 2] < h.tip_z_m)
        return inside & (np.abs(own[..., 1]) < h.max_opening_m)

    def _evaluate(
        self, b: _HandBatch, width: np.ndarray, cloud: LocalCloud, object_id: int
    ) -> list[Grasp]:
        """The candidates whose open hand touches neither the cloud nor the table."""
        opening, clear = self._widest_opening(b, width)
        corners = self.gripper.tip_corners(opening) @ np.swapaxes(b.R, 1, 2) + b.origins[:, None]
        lowest = cloud.table_height_m + self.config.table_clearance_m
        ok = (clear > 0) & (corners[..., 2].min(axis=1) > lowest)
        in_pads = self._in_pads(b.own)
        near_collision = self._inside_hand(b, opening, self.config.near_collision_margin_m)
        return [
            self._grasp(
                b,
                cloud,
                i,
                in_pads[i],
                width[i],
                opening[i],
                clear[i],
                near_collision[i],
                object_id,
            )
            for i in np.flatnonzero(ok)
        ]

    def _widest_opening(self, b: _HandBatch, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The widest collision-free opening of each candidate and its play; play 0 if none."""
        c = self.config
        opening, best = np.full(len(width), self.hand.max_opening_m), np.zeros(len(width))
        for clearance in sorted(c.lateral_clearances_m):
            wanted = np.minimum(width + 2 * clearance, self.hand.max_opening_m)
            free = self._inside_hand(b, wanted, c.margin_m) <= c.max_collision_points
            opening, best = (
                np.where(free, wanted, opening),
                np.where(free, (wanted - width) / 2, best),
            )
        return opening, best

    def _inside_hand(self, b: _HandBatch, opening: np.ndarray, margin_m: float) -> np.ndarray:
        """How many points lie in fingers or palm, the fingers grown outwards. (C,) → (C,)."""
        count = np.zeros(len(opening), int)
        for points in (b.own, b.obstacles):
            # the fingers' inner faces sit at +-opening/2: measure y from there
            y = np.abs(points[..., 1]) - (opening / 2)[:, None]
            folded = np.stack([points[..., 0], y, points[..., 2]], axis=-1)
            for box in self.gripper.finger_boxes(0.0, margin_m)[::2]:
                count += _inside(folded, box).sum(axis=1)
            count += _inside(points, self.gripper.palm_box()).sum(axis=1)
        return count

    def _grasp(
        self,
        b: _HandBatch,
        cloud: LocalCloud,
        i: int,
        in_pads: np.ndarray,
        width: float,
        opening: float,
        clear: float,
        near_collision: int,
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
        offset = cloud.box_center - T[:3, 3]
        between = np.abs(b.obstacles[i, :, 1]) < opening / 2
        between &= np.abs(b.obstacles[i, :, 0]) < self.hand.flat_half_width_m
        between &= np.abs(b.obstacles[i, :, 2]) < -self.hand.flat_low_z_m
        features = GraspFeatures(
            width_m=float(width),
            alignment=align,
            contact_points=(int(sides[0].sum()), int(sides[1].sum())),
            lever_m=_horizontal_lever(offset, T[:3, 1]),
            tilt_rad=float(np.arccos(np.clip(-T[2, 2], -1, 1))),
            clearance_m=float(clear),
            foreign_points=int(between.sum()),
            near_collision_points=int(near_collision),
            finger_overlap_m=float(self.hand.tip_z_m - own[in_pads, 2].min()),
        )
        return Grasp(object_id, T, float(opening), features)


def _horizontal_lever(offset: np.ndarray, axis: np.ndarray) -> float:
    """How far gravity's line through the centroid passes from the closing axis [m]."""
    length = np.linalg.norm(axis[:2])
    if length < 0.1:  # closing vertically: gravity pulls across the whole offset
        return float(np.linalg.norm(offset[:2]))
    flat = axis[:2] / length
    return float(abs(offset[0] * flat[1] - offset[1] * flat[0]))


@dataclass(frozen=True)
class _HandBatch:
    """C hands and the cloud in the frame of each."""

    R: np.ndarray  # (C, 3, 3)
    origins: np.ndarray  # (C, 3)
    own: np.ndarray  # (C, N, 3) in each grasp frame
    obstacles: np.ndarray  # (C, M, 3)
    normal_y: np.ndarray  # (C, N) cosine of each own normal and the closing axis

    @staticmethod
    def of(R: np.ndarray, origins: np.ndarray, cloud: LocalCloud) -> _HandBatch:
        """Transform the cloud into C frames."""
        own = _in_frames(R, origins, cloud.points)
        obstacles = _in_frames(R, origins, cloud.obstacles)
        normal_y = R[:, :, 1].astype(np.float32) @ cloud.normals.T.astype(np.float32)
        return _HandBatch(R, origins, own, obstacles, normal_y)


def _in_frames(R: np.ndarray, origins: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) in C frames. Shape (C, N, 3)."""
    R32, o32 = R.astype(np.float32), origins.astype(np.float32)
    return np.matmul(points.astype(np.float32)[None] - o32[:, None], R32)


def _inside(points: np.ndarray, box: Box) -> np.ndarray:
    """Which points lie in the box. Shape (..., 3) → (...)."""
    inside = (points[..., 0] > box.low[0]) & (points[..., 0] < box.high[0])
    inside &= (points[..., 1] > box.low[1]) & (points[..., 1] < box.high[1])
    return inside & (points[..., 2] > box.low[2]) & (points[..., 2] < box.high[2])
