"""Training of the learned world model on episodes."""
