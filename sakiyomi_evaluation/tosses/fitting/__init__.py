"""Fit the step to tosses."""
