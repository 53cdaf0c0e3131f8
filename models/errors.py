"""The error that a user's mistake or an impossible request ends in; the command line prints it as one line."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Something given from outside cannot be used. The text names the file, layer or value, and what is possible."""
