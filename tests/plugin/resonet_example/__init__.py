"""A plug-in for resonet: one extension of each kind."""
