"""The commands of `resonet`, one a file; cli/registry.py finds them."""
