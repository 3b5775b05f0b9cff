"""The browser page: what the robot sees, predicts and plans. A subscriber that disturbs nobody."""
