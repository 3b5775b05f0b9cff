"""The parts of the 3-D view, each of which draws one kind of thing."""
