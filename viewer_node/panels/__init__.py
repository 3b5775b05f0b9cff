"""What stands beside the 3-D view: cards, pads, buttons, health."""
