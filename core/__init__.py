"""What is no physics and everybody needs."""
