"""A prior over the contact parameters, learned from simulated tosses."""
