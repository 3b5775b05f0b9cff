"""Scenes at rest, in motion and in the hand, and how well they are seen."""
