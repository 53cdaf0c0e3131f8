"""Where a network is to be operated: latency, energy, accuracy with saturation and all noise; what limits them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
