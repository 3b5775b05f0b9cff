"""The ROS edge that every node shares: environment, QoS, lifecycle, diagnostics, conversions."""
