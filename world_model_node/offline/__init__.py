"""Look at recorded pictures and clouds, with no robot."""
