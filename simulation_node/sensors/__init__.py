"""What the simulated sensors measure, with the noise of real ones."""
