"""What is started, with which parameters, by ros2 launch or without it."""
