"""What the pads press on, and what the hand holds."""
