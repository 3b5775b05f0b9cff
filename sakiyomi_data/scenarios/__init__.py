"""Scenarios: short seeded interactions of pushing, sliding, falling and lifting."""
