"""What if: candidate motions that were tried in simulation, and what their ends teach."""
