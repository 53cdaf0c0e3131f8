"""The linear engine with a chip in it: every resonator, tone and neuron with values of its own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
