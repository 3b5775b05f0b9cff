"""Fuse camera, LiDAR and touch into tracked objects and predict how they will move."""
