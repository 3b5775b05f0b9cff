"""What callbacks of one thread and the work of another owe each other."""
