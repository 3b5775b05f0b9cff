"""Every size of the learned model's tensors, in one place."""

from __future__ import annotations

FRAMES = 13  # of the past, 0.1 s apart, the newest last
FRAME_S = 0.1
STEPS = 20  # of the future
STEP_S = 0.05
POINTS = 24  # where a body may touch, the last FEET of them under it
FEET = 8
PLANES = 20  # that enclose it
SURFACE = 96  # points that its shape is made of
OUTLINE = 48  # points that its shape is encoded from
MOTION = 35  # features of one frame of one object
HAND = 15
OPENING, OPENING_SCALE_M = 13, 0.05  # the feature of the hand that tells its opening
TOUCH = 20
OUTLINE_CHANNELS = 5
ACTION = 9  # position, quaternion, width, force
MAX_OBJECTS = 8
