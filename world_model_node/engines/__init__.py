"""What runs the learned world model."""
