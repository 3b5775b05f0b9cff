"""Touch: contact, grasp, slip, and the mass, centre of mass and friction that they tell."""
