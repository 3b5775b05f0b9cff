"""Grasp success: whether a hand that closes on an object will hold it, from its surface."""
