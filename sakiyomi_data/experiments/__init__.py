"""Rounds of experiments on several cores: journal, resumption, failures and results."""
