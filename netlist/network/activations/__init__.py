"""Activations: what a neuron does to its weighted sum, a file each; ONNX operators and hardware of each beside it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
