"""The robot's work cell in PyBullet, behind the topics of the real one."""
