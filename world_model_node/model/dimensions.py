"""The sizes of the tensors of the learned model."""

from __future__ import annotations

NUM_FRAMES = 13  # past frames, FRAME_S apart, the newest last
FRAME_S = 0.1
NUM_STEPS = 20  # future steps, STEP_S apart
STEP_S = 0.05
NUM_POINTS = 24  # contact points of a body, the last NUM_FEET of them on its underside
NUM_FEET = 8
NUM_PLANES = 20  # enclosing planes of a body
NUM_SURFACE_POINTS = 96  # surface points that a shape is computed from
NUM_OUTLINE_POINTS = 48  # surface points that the shape encoder reads
MOTION_SIZE = 35  # motion features of an object in a frame
HAND_SIZE = 15
OPENING_FEATURE, OPENING_SCALE_M = 13, 0.05  # hand feature that holds the opening, and its unit
TOUCH_SIZE = 20
OUTLINE_SIZE = 5
ACTION_SIZE = 9  # position, quaternion, width, force
MAX_OBJECTS = 8
