"""Training of the network that divides a cloud into objects, on rendered scenes."""
