"""Every size of the learned model's tensors, in one place."""

from __future__ import annotations

NUM_FRAMES = 13  # of the past, 0.1 s apart, the newest last
FRAME_S = 0.1
NUM_STEPS = 20  # of the future
STEP_S = 0.05
NUM_POINTS = 24  # where a body may touch, the last NUM_FEET of them under it
NUM_FEET = 8
NUM_PLANES = 20  # that enclose it
NUM_SURFACE_POINTS = 96  # points that its shape is made of
NUM_OUTLINE_POINTS = 48  # points that its shape is encoded from
MOTION_SIZE = 35  # features of one frame of one object
HAND_SIZE = 15
OPENING_FEATURE, OPENING_SCALE_M = 13, 0.05  # the feature of the hand that tells its opening
TOUCH_SIZE = 20
OUTLINE_SIZE = 5
ACTION_SIZE = 9  # position, quaternion, width, force
MAX_OBJECTS = 8
