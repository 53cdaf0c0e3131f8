"""What chips have to bear: faults, drift, spreads; which of them matter, and how much of each a yield allows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
