"""What predicts, by plain physics or learned, and how it meets the scene."""
