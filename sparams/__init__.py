"""S-parameters of blocks, as scikit-rf networks and Touchstone files (docs/guide/sparams.md)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
