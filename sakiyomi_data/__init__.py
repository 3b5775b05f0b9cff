"""Scenarios, episodes and the closed loop: what training and evaluation both stand on."""
