"""Episodes: recorded in simulation, stored in shards, read back as scenes."""
