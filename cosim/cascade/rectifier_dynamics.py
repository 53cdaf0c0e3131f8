"""Rectified voltages of chains in time, each tone a complex envelope.

A tone of frequency f and RF current phasor i(t) drives the precession x'' + 2αω0 x' + ω0² x = ω0² i. With x = Re X
e^{jωt} its modes are s± = -αω0 ± jω0√(1-α²). The near one is followed in time,

    X₊' = (s₊ - jω) X₊ + ω0² i / (s₊ - s₋),                                                                      (1)

the far one, 2ω off, is at rest with its drive: X₋ = -ω0² i / ((s₊ - s₋)(jω - s₋)). At rest X₊ + X₋ = chi(f) i exactly.
Tones that are more than `reach` channels away are taken to be at rest in both: their ringing, at the channels' distance
and above, is what the filters behind the chain take out. The rectified voltage is V = ½ k Σ_f Re(i X*); beat notes
between tones lie above those filters too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Complex
from resonet.cosim.weights.passes import RfPass
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.planning.frequency_plan import Bus

__all__ = ["Ramp", "Rectifiers"]


@dataclass(frozen=True, slots=True, eq=False)
class Ramp:
    """Step of X' = rate X + drive a(t) with a linear in time, exact: X1 = decay X0 + before a0 + after a1."""

    decay: Complex
    before: Complex
    after: Complex

    @classmethod
    def of(cls, rate: Complex, drive: Complex, h: float) -> "Ramp":
        """Step of h seconds; rate and drive in 1/s, of one shape."""
        z = rate * h
        decay = np.exp(z)
        first = np.expm1(z) / z
        second = (first - 1) / z  # ∫ of the rising half of the ramp
        return cls(decay, drive * h * (first - second), drive * h * second)


class Rectifiers:
    """Resonators of some buses of one size, in time, from rest without tones."""

    def __init__(
        self,
        buses: Sequence[tuple[Bus, RfPass, Array]],
        device: SpinDiode,
        reach: int,
        h: float,
        only: slice | None = None,
    ) -> None:
        """Buses with their RF pass and resonance frequencies [chains, resonators]; steps of h seconds.

        `only`: the resonators whose voltages count, by default all of a chain.
        """
        size = buses[0][0].size[1]
        reach = min(reach, size - 1)
        tone = np.arange(size) + np.arange(-reach, reach + 1)[:, None]  # [offsets, resonators]
        self._there = (tone >= 0) & (tone < size)
        self._tone = np.clip(tone, 0, size - 1)
        self._counts = np.zeros(size)
        self._counts[slice(None) if only is None else only] = 1
        parts = [self._bus(bus, rf, f_res, device) for bus, rf, f_res in buses]
        rate, drive, signed, rest = (np.stack(part) for part in zip(*parts, strict=True))
        self._ramp = Ramp.of(rate, drive, h)
        self._signed = signed
        self._rest: Array = rest.real  # [buses, tones, chains] V/W of all that is not followed
        self._near = np.zeros_like(drive)  # [buses, offsets, chains, resonators]

    def _bus(self, bus: Bus, rf: RfPass, f_res: Array, device: SpinDiode) -> tuple[Complex, Complex, Complex, Complex]:
        """Rate and drive of the near modes, weight of each in the voltage, voltage of all the rest per watt."""
        w, w0 = 2j * np.pi * bus.frequencies[:, None, None], 2 * np.pi * f_res
        near = w0 * (-device.damping + 1j * np.sqrt(1 - device.damping**2))
        current = np.broadcast_to(rf.current, (len(w), *f_res.shape))  # [tones, chains, resonators] A/√W
        drive = w0**2 / (2j * near.imag) * current
        signed = 0.5 * device.transduction * (bus.signs * self._counts) * current.conj()
        at_rest = np.einsum("tjk,tjk->tj", signed, drive / (w - near) - drive / (w - near.conj()))
        k = np.arange(len(w))
        rate, drive, signed = (
            np.where(self._there[:, None], part[self._tone, :, k].swapaxes(1, 2), fill)
            for part, fill in ((near - w, -1.0), (drive, 0.0), (signed, 0.0))
        )
        followed = (signed * -drive / rate).swapaxes(1, 2)  # [offsets, resonators, chains]
        np.subtract.at(at_rest, self._tone, followed)
        return rate, drive, signed, at_rest

    def voltage(self, a: Array) -> Array:
        """Rectified voltage now, V, [buses, chains], for amplitudes a [buses, tones] in √W."""
        amplitude = a[:, self._tone][:, :, None]
        followed = (self._signed.real * self._near.real - self._signed.imag * self._near.imag) * amplitude
        return np.asarray(followed.sum((1, 3)) + np.einsum("bt,btj->bj", a**2, self._rest))

    def advance(self, a0: Array, a1: Array) -> None:
        """One step, the amplitudes going from a0 to a1 [buses, tones]."""
        ramp = self._ramp
        self._near *= ramp.decay
        self._near += ramp.before * a0[:, self._tone][:, :, None]
        self._near += ramp.after * a1[:, self._tone][:, :, None]
