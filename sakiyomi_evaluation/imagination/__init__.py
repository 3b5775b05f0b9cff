"""Candidate actions, imagined and carried out."""
