"""Objects read from files, and how they come to lie on the table."""
