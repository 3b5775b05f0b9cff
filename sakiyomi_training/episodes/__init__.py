"""Episodes of interaction: made in simulation, stored in shards, read back as scenes."""
