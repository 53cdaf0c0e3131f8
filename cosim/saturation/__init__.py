"""Whole networks whose resonators saturate, and their calibration on data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
