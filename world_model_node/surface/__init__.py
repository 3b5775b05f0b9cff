"""An object's surface: what was seen of it, what was not, and where it is now."""
