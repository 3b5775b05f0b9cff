"""Clusters of points become objects with a past: at rest, in motion, in the hand."""
