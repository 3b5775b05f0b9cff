"""Small vectors and matrices of many bodies, bodies along the last axis."""
