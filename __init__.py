"""From a trained CNN to the SPICE netlist of radio-frequency spintronic hardware, and back from its circuit.

    import resonet as rn

    design = rn.compile("mnist.onnx", "build", calibration="images.npz")

Every folder X beside this file is the package `resonet.X`. What stands here is loaded when it is asked for.
"""

import lazy_loader

_loaded, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("resonet")
    return _loaded(name)
