"""Tosses of a cube: recorded or simulated, and the contact model fitted to them."""
