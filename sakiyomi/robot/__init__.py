"""The arm and its hand: description, kinematics, geometry."""
