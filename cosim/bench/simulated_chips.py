"""Chips to try a calibration on the bench with: what they hide is known here, and nowhere else.

`LinearChip` is the bus circuit in closed form (models/circuit/bus.py) with a spread over its devices; `SpiceChip` is
a chain of complete resonators (models/resonator/complete.py) in ngspice, under a DC bias and with a bent tuning
curve, so that no model of the calibration is right. Both are callables measure(tuning, powers) -> voltages, with
noise and drift.
"""

from dataclasses import dataclass, field

import numpy as np

from resonet.core.types import Array
from resonet.cosim.ngspice.run import run_deck
from resonet.models.circuit.bus import BusCircuit, bus_currents, tone_levels
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, numbers

__all__ = ["LinearChip", "SpiceChip", "Voltmeter", "linear_chip"]


@dataclass(slots=True, eq=False)
class Voltmeter:
    """Reads true voltages with a zero, noise, and a drift of the zero."""

    noise: float  # V
    zero: float  # V
    drift: float  # V per reading
    rng: np.random.Generator
    readings: int = 0

    def read(self, true: Array) -> Array:
        """Voltages [settings, chains] as the instrument shows them."""
        time = self.readings + np.arange(len(true))
        self.readings += len(true)
        return true + self.zero + self.drift * time[:, None] + self.rng.normal(0, self.noise, true.shape)


@dataclass(slots=True, eq=False)
class LinearChip:
    """Chains on one bus, every resonator with a damping, transduction, tuning slope and resonance of its own."""

    frequencies: Array  # [K] Hz
    rest: Array  # [chains, K] Hz at tuning 0
    slope: Array  # [chains, K] Hz per unit of tuning
    damping: Array  # [chains, K]
    gain: Array  # [chains, K] of the sensitivity, voltmeter included
    current: Array  # [tones, K] A per √W of nominal tone power, peak
    device: SpinDiode
    meter: Voltmeter
    wander: float = 0.0  # half-widths by which every resonance drifts per 1000 readings

    def weights(self, tuning: Array) -> Array:
        """What the chip truly holds, [chains, tones] V/W."""
        drift = self.wander * self.damping * self.rest * self.meter.readings / 1000
        f_res = self.rest + self.slope * tuning + drift
        chi = susceptibility(self.frequencies[:, None], f_res[:, None, :], self.damping[:, None, :])
        signs = np.where(np.arange(len(self.frequencies)) % 2, -1.0, 1.0)
        power = 0.5 * self.device.resistance * np.abs(self.current) ** 2
        unit = -4 * self.damping * self.gain * self.device.sensitivity * signs
        return np.asarray(np.einsum("jtk,tk,jk->jt", chi.real, power, unit))

    def __call__(self, tuning: Array, powers: Array) -> Array:
        """What the voltmeters show, [settings, chains] V."""
        return self.meter.read(powers @ self.weights(tuning).T)


def linear_chip(
    chains: int,
    frequencies: Array,
    noise: float,
    seed: int = 0,
    slope: float = 1e12,
    offset: float = 0.6,
    spread: float = 0.05,
    drift: float = 0.0,
    wander: float = 0.0,
    rest: Array | None = None,
    device: SpinDiode | None = None,
    circuit: BusCircuit | None = None,
) -> LinearChip:
    """A chip with a hidden spread: `offset` half-widths of the resonances, `spread` of damping, gain and slope.

    noise in V, slope in Hz per unit of tuning, drift in V per reading, wander as in `LinearChip`; rest [K] Hz (default:
    the frequencies), which the offsets come on top of. Damping, gain and slope are 10-15 % off as a whole as well.
    """
    rng = np.random.default_rng(seed)
    device, circuit = device or SpinDiode(), circuit or BusCircuit()
    size = (chains, len(frequencies))
    levels = tone_levels(frequencies, device.resistance, chains, circuit)
    current = bus_currents(frequencies, device.resistance, size[1], chains, circuit) * levels[:, None]
    at = (frequencies if rest is None else rest) + device.damping * frequencies * rng.normal(0, offset, size)
    damping, gain, tuning = (rng.normal(1, spread, size).clip(0.5, 2) for _ in range(3))
    meter = Voltmeter(noise, 30 * noise, drift, rng)
    return LinearChip(
        frequencies,
        at,
        1.15 * slope * tuning,
        1.1 * device.damping * damping,
        0.9 * gain,
        np.asarray(current),
        device,
        meter,
        wander,
    )


@dataclass(slots=True, eq=False)
class SpiceChip:
    """One chain of complete resonators in ngspice: mix angle, contact, parallel capacitance, DC bias, bent tuning."""

    frequencies: Array  # [K] Hz
    rest: Array  # [K] Hz at tuning 0
    slope: float  # Hz per unit of tuning
    bend: float  # Hz per unit squared
    bias: float  # A through the chain
    psi: float  # rad
    device: SpinDiode
    meter: Voltmeter
    impedance: float = 50.0
    runs: int = field(default=0)

    def _deck(self, tuning: Array) -> Deck:
        f_res = self.rest + self.slope * tuning + self.bend * tuning**2
        device, d = self.device, NGSPICE
        shared = numbers(12, q=device.quality, r0=device.resistance, k=device.transduction, psi=self.psi)
        lines = [
            *d.write_head("chip", "a chain of complete resonators under bias", "../lib", ("resonator_full",)),
            d.format_source("vsource", "e", "0", dc="0", ac="1"),
            d.format_element("rsource", ("e", "a"), f"{self.impedance:.12g}"),
            d.format_element("cblock", ("a", "h0"), "1n"),
            d.format_source("ibias", "0", "h0", dc=f"{self.bias:.12g}"),
        ]
        last = len(f_res) - 1
        for k, f in enumerate(f_res):
            ends = (f"h{k}", "0" if k == last else f"h{k + 1}")
            p, n = ends[::-1] if k % 2 else ends
            values = numbers(15, f0=f) | shared | {"rc": "20", "lc": "30p", "cpar": "2f", "cnode": "0.2f"}
            lines.append(d.format_instance(f"xr0_{k}", (p, n, f"x0_{k}"), "resonator_full", values))
        lines.append(d.format_save(name for k in range(len(f_res)) for name in self._names(k)))
        sweeps = [d.format_ac("lin", 1, f, f) for f in self.frequencies.tolist()]
        return Deck("chip", "\n".join(lines + d.write_runs("chip", sweeps)))

    def weights(self, tuning: Array) -> Array:
        """What the chip truly holds, [1, tones] V/W, exact to second order; the watt is that of the nominal current."""
        self.runs += 1
        plots = run_deck(self._deck(tuning[0]), 60.0)
        count = range(len(self.frequencies))
        level = np.sqrt(2 / self.device.resistance) * (self.impedance + len(self.frequencies) * self.device.resistance)
        sums = []
        for plot in plots:
            columns = plot.columns([name for k in count for name in self._names(k)])[0].reshape(-1, 4)
            x, y, current = columns[:, 0], -self.device.quality * (columns[:, 1] - columns[:, 2]), columns[:, 3]
            sensed = x * np.cos(self.psi) + y * np.sin(self.psi)
            volts = 0.5 * self.device.transduction * (current * sensed.conj()).real * level**2
            sums.append(float(np.sum(volts * np.where(np.arange(len(count)) % 2, -1.0, 1.0))))
        return np.array([sums])

    def _names(self, k: int) -> list[str]:
        inner = [NGSPICE.voltage_of(node, f"xr0_{k}") for node in "hm"]
        return [NGSPICE.voltage_of(f"x0_{k}"), *inner, NGSPICE.current_of("vsense", f"xr0_{k}")]

    def __call__(self, tuning: Array, powers: Array) -> Array:
        """What the voltmeters show, [settings, chains] V."""
        return self.meter.read(powers @ self.weights(tuning).T)
