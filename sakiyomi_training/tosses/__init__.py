"""What a tossed cube may be like, learned from cubes thrown in simulation."""
