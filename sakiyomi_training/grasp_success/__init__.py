"""Training of the grasp success classifier."""
