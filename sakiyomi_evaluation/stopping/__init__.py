"""What the arm does when something is lost while it moves."""
