"""The surface of one object: registration, integration, centroid, completion."""
