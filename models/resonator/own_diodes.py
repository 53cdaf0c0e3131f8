"""Resonators that are not alike: the parameters of `SpinDiode`, one of each for every resonator.

Saturation is p (u² + (1 + Q_nl y)²) = a P with y made of p (tone_balance.py, eq. 5). In the unknown Q_nl p the equation
has Q_nl in the product Q_nl a alone, as long as nothing shifts with p. So a resonator whose Q_nl is q times that of the
law is one with that of the law whose threshold current is √q times smaller, in the drive a and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

__all__ = ["OwnDiodes"]


@dataclass(frozen=True, slots=True, eq=False)
class OwnDiodes:
    """Parameters by resonator, all of the same shape; of what no value is given, that of the nominal device."""

    damping: Array
    resistance: Array  # ohm
    magnetoresistance: Array
    sensitivity: Array  # V/W, with each one's own threshold current
    threshold_current: Array  # A, as the drive of saturation has it: I_th / √(Q_nl over that of the law)
    torque_angle: float

    @classmethod
    def around(
        cls,
        device: SpinDiode,
        shape: tuple[int, ...],
        damping: Array | float = 1.0,
        resistance: Array | float = 1.0,
        magnetoresistance: Array | float = 1.0,
        threshold_current: Array | float = 1.0,
        nonlinear_damping: Array | float = 1.0,
    ) -> "OwnDiodes":
        """By factors of a nominal device, each of that shape or one for all."""

        def whole(value: Array | float) -> Array:
            return np.array(np.broadcast_to(value, shape), float)

        return cls(
            whole(device.damping * damping),
            whole(device.resistance * resistance),
            whole(device.magnetoresistance * magnetoresistance),
            whole(device.sensitivity * magnetoresistance / threshold_current),
            whole(device.threshold_current * threshold_current / np.sqrt(nonlinear_damping)),
            device.torque_angle,
        )

    def arranged(self, how: Callable[[Array], Array]) -> "OwnDiodes":
        """The same in another order or shape."""
        names = [spec.name for spec in fields(self) if spec.name != "torque_angle"]
        made: dict[str, Any] = {name: how(getattr(self, name)) for name in names}
        return replace(self, **made)

    @property
    def transduction(self) -> Array:
        """K = -4 α K_SD R0 of each, ohm/A."""
        return np.asarray(-4 * self.damping * self.sensitivity * self.resistance)
