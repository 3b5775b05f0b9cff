"""Fused voxels are divided into objects by a small network or by clustering."""
