"""Shipped examples."""
