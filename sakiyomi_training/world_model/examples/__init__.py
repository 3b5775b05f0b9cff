"""What was watched and what was seen after it, from episodes, recordings and tosses."""
