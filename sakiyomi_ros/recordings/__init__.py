"""MCAP recordings of ROS 2 topics."""
