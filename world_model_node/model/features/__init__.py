"""The watched past as the network takes it."""
