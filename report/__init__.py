"""Figures of what was simulated."""
