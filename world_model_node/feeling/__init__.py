"""What handling tells of what an object is made of: mass, centre of mass, friction."""
