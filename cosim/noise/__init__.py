"""Noise of whole networks: what every layer's neurons get of it, weights that draw it, budgets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
