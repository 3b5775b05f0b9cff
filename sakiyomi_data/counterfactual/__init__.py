"""Counterfactual scenes: candidate motions that were each simulated from the same instant."""
