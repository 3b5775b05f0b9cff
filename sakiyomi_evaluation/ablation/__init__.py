"""The world model without one of its parts, trained and measured."""
