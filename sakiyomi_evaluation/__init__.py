"""The `sakiyomi evaluate` commands: every published figure comes from here."""
