"""What the sensors deliver: checked, buffered, aligned by stamp."""
