"""From a trained CNN to the SPICE netlist of radio-frequency spintronic hardware, and back from its circuit.

Every folder X beside this file is the package `resonet.X`. What stands here is loaded when it is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
