"""Outputs of the trained network for many images, which the circuit's are held against."""

import numpy as np

from resonet.core.types import Array, Bools
from resonet.core.watching import Done
from resonet.cosim.weights.differences import largest_in
from resonet.cosim.weights.float32 import Float32Network, float32_images
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import trained_weights
from resonet.cosim.weights.logits import FEW, checked_logits
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.forward import propagate

__all__ = ["SoftwareLogits"]


class SoftwareLogits:
    """Logits of the trained network: of float32, with the classes of float64, and of float64 wherever they are asked.

    `values` [n, classes] changes in the last digits as more is asked; its largest size is that of float64.
    """

    def __init__(self, cnn: Cnn, images: Array, done: Done | None = None, threads: int | None = None) -> None:
        """Images [n, *input_shape]; `done` is called after each 500, `threads` as for `Float32Network`."""
        self._cnn, self._images = cnn, images
        calls = [done]

        def exact(which: slice | Bools) -> Array:
            return propagate(cnn, images[which], done=calls.pop() if calls else None)

        def quick() -> tuple[Array, Bools]:
            if len(images) <= FEW:
                raise Inexpressible("few images")
            network, sent = Float32Network(cnn, trained_weights(cnn), threads=threads), float32_images(cnn, images)
            calls.clear()
            found = network(sent, done).logits
            return found, largest_in(found, cnn)  # what differences are parts of

        found = checked_logits(quick, exact, cnn.ranked)
        self.values, self.rounding, self._known = found.values, found.rounding, found.exact

    @classmethod
    def given(cls, values: Array) -> "SoftwareLogits":
        """Logits that are known already, [n, classes]."""
        made = cls.__new__(cls)
        made.values, made.rounding, made._known = values, 0.0, np.ones(len(values), bool)
        return made

    def settle(self, which: Bools) -> None:
        """Make the logits of these images [n] those of float64."""
        missing = which & ~self._known
        if missing.any():
            self.values[missing] = propagate(self._cnn, self._images[missing])
            self._known |= missing
