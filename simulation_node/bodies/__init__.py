"""Bodies in the physics engine: the robot, the objects, the table that runs."""
