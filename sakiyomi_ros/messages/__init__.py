"""Messages and the core's types, both ways."""
