"""Things that happen to objects: short seeded episodes of pushing, sliding, falling, lifting."""
