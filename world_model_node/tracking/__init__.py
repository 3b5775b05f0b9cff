"""Segments become tracked objects: association, state estimation, registration, shape."""
