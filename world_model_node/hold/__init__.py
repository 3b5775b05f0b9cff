"""Whether a hand that closes on an object that is not yet held will hold it, from its surface."""
