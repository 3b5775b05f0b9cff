"""Recorded views read from files, and pictures of what was found in them."""
