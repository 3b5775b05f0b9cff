"""Picks in the simulated cell, with arm or free hand, and their ground truth."""
