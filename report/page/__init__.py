"""One page of everything that a design folder holds: HTML that needs no network, and a data sheet."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
