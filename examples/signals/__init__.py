"""A one-dimensional network that tells eight modulations of I/Q signals."""
