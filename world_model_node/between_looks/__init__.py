"""How a moving object went from one look to the next, from each sensor at its own instant."""
