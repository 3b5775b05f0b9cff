"""Training examples from episodes, recordings and tosses."""
