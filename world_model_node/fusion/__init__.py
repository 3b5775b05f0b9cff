"""Depth images and LiDAR scans are fused into one weighted cloud without robot and table."""
