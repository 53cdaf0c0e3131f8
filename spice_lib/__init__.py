"""The devices as SPICE subcircuits."""

from resonet.spice_lib.library import library

__all__ = ["library"]
