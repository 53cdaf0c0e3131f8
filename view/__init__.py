"""A design folder in the browser: a local page that follows what is computed in it, and recomputes a chain at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
