"""The robot's loop without middleware: cell, world model and planner, fed as the nodes are."""
