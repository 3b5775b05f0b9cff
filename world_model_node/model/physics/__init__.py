"""Bodies and their motion: known physics, differentiable, many futures at once."""
