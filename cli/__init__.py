"""The `resonet` command."""
