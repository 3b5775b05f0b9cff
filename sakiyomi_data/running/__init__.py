"""Rounds on several cores: kept in a journal as they end, resumed, and counted where they fail."""
