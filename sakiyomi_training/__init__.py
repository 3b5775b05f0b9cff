"""Make the data that the learned parts are trained on, and train them."""
