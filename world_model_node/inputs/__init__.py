"""Sensor readings are validated, buffered and aligned by their stamps."""
