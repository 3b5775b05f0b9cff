"""Divide fused voxels into objects with a small network, trained on scenes that we render."""
