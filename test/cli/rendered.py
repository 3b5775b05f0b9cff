"""Frames of a simulated cell as files, as any camera's driver would write them."""

from __future__ import annotations

import cv2
import numpy as np

from sakiyomi.sensing import CameraFrame


def write_color(path, frame: CameraFrame):
    cv2.imwrite(str(path), frame.color[..., ::-1])
    return str(path)


def write_depth_png(path, frame: CameraFrame, unit_m=0.001):
    cv2.imwrite(str(path), np.rint(frame.depth_m / unit_m).astype(np.uint16))
    return str(path)


def with_holes(frame: CameraFrame, rng: np.random.Generator) -> CameraFrame:
    """No depth in a tenth of the picture, in blobs as on black and shiny things."""
    holes = cv2.GaussianBlur(rng.standard_normal(frame.depth_m.shape), (0, 0), 4.0)
    depth = np.where(holes > np.quantile(holes, 0.9), 0.0, frame.depth_m).astype(np.float32)
    return CameraFrame(frame.stamp_s, frame.color, depth, frame.intrinsics, frame.T_world_camera)


def intrinsics_text(frame: CameraFrame) -> str:
    K = frame.intrinsics
    return f'{K[0, 0]},{K[1, 1]},{K[0, 2]},{K[1, 2]}'
