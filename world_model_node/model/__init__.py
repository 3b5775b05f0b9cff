"""The learned world model: known physics computed, the rest learned (torch; no ROS)."""
