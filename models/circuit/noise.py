"""Johnson noise of a chain at its DC output, through bias tee and readout.

A resistance R at the temperature T is a voltage source of one-sided density 4 k T R, V²/Hz (Nyquist, Phys. Rev. 32,
110, 1928; k T >> h f). Into the DC output put 1 A: by reciprocity the current i_n(f) through the resistance R_n is its
share in the output voltage, so

    S(f) = Σ_n 4 k T_n R_n |i_n(f)|²,                                                                            (1)

and with one temperature everywhere it is 4 k T Re Z(f), Z the impedance seen into the output (Nyquist's theorem). Below
the corner of the bias tee all is simple: S = 4 k T n R0 for n resonators.

Network (`bus`): source impedance, DC block, chain of resonators with half of the node capacitance at each end, choke,
bypass, readout. Without bias a resonator is R0 to small signals; the temperature changes R0 as `resonator_full` says
(`at_temperature`). A multiplexer's return inductor grounds the bus below the channels, where its sources have no part
(`models/circuit/multiplexer.py`): frequencies of the DC side only. The noise of the precession itself needs no bias to
be seen: every RF tone mixes it down; at 50 nW a tone it is the larger part (`models/resonator/precession_noise.py`).
Not here: that, 1/f noise, shot noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit, resonator_impedance, seen_from_chains
from resonet.models.circuit.groups import GroupedPath, nodal_chain
from resonet.models.resonator.complete import FullResonator, at_temperature
from resonet.models.resonator.thermal import BOLTZMANN

__all__ = ["BOLTZMANN", "Noise", "chain_noise", "chain_resistance", "johnson", "output_impedance"]


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """One-sided noise densities at the DC output of a chain, V²/Hz, shape of the frequencies."""

    resonators: Array
    choke: Array
    source: Array
    readout: Array

    @property
    def total(self) -> Array:
        """All together."""
        return self.resonators + self.choke + self.source + self.readout


def johnson(resistance: ArrayLike, temperature: ArrayLike) -> Array:
    """4 k T R, V²/Hz; shapes broadcast."""
    return np.asarray(4 * BOLTZMANN * np.asarray(temperature, float) * np.asarray(resistance, float))


def chain_resistance(devices: Sequence[FullResonator]) -> Array:
    """Resistance of each resonator at its own temperature, contact included, ohm [resonators]."""
    return np.array([warm.r0 + warm.rc for warm in map(at_temperature, devices)])


def _behind(s: ArrayLike, bus: BusCircuit) -> float | Complex:
    """Impedance between the DC block and ground on the side of the sources, ohm; its real part makes their noise."""
    at = np.asarray(s, complex)
    if bus.combining == "resistive":
        return seen_from_chains(at, bus)[1]
    grounded = np.asarray(at * bus.filter_return, complex)
    return seen_from_chains(at, bus, grounded)[1]


def _inward(f: Array, resistance: Array, bus: BusCircuit) -> tuple[Complex, Complex, Complex, Complex, Complex]:
    """From the far end to the output: admittances of each resonator's branch [f, n], head, feed, choke, DC output."""
    s = 2j * np.pi * f
    half = s * bus.node_capacitance / 2
    right = np.empty((len(f), len(resistance)), complex)
    for n in reversed(range(len(resistance))):
        beyond = 0 if n == len(resistance) - 1 else 1 / (right[:, n + 1] + 2 * half)
        right[:, n] = 1 / (resonator_impedance(np.asarray(s, complex), resistance[n], bus) + beyond)
    feed = s * bus.block_capacitance / (1 + s * bus.block_capacitance * _behind(s, bus))
    head = right[:, 0] + half + feed
    choke = 1 / (bus.choke_resistance + s * bus.choke_inductance + 1 / head)
    output = choke + s * bus.bypass_capacitance + 1 / bus.readout_resistance
    return right, head, feed, choke, output


def _answers(f: Array, resistance: Array, bus: BusCircuit) -> tuple[Complex, GroupedPath, Complex]:
    """Voltages of all nodes of a grounded chain in groups for 1 A into its DC output, V [f, nodes], ground last."""
    s = np.asarray(2j * np.pi * f, complex)
    own = np.stack([np.broadcast_to(resonator_impedance(s, r, bus), s.shape) for r in resistance.tolist()], axis=1)
    matrix, path = nodal_chain(s, own, bus, _behind(s, bus), None)
    drive = np.zeros((len(s), path.size, 1), complex)
    drive[:, path.dc] = 1.0
    volts = np.linalg.solve(matrix, drive)[:, :, 0]
    return np.concatenate([volts, np.zeros((len(s), 1))], axis=1), path, own


def _grouped_noise(f: Array, r: Array, bus: BusCircuit, thermal: Array, ambient: float) -> Noise:
    """`chain_noise` of a chain in groups; thermal: densities of its resistances, V²/Hz [n]."""
    volts, path, _ = _answers(f, r, bus)
    s = np.asarray(2j * np.pi * f, complex)
    current = (volts[:, path.first] - volts[:, path.second]) / r
    chokes = sum(
        np.abs((volts[:, k] - volts[:, path.pins.get(k, path.dc)]) / (bus.choke_resistance + s * bus.choke_inductance))
        ** 2
        for k in path.starts
    )
    behind = _behind(s, bus)
    return Noise(
        np.asarray(np.abs(current) ** 2 @ thermal),
        johnson(bus.choke_resistance, ambient) * chokes,
        johnson(np.asarray(behind).real, ambient) * np.abs(volts[:, path.bus] / behind) ** 2,
        johnson(bus.readout_resistance, ambient) * np.abs(volts[:, path.dc] / bus.readout_resistance) ** 2,
    )


def output_impedance(f: ArrayLike, resistance: ArrayLike, bus: BusCircuit) -> Complex:
    """Impedance seen into the DC output of a grounded chain, ohm [frequencies]; resistance [resonators] as below."""
    frequencies = np.atleast_1d(np.asarray(f, float))
    if bus.groups > 1:
        volts, path, _ = _answers(frequencies, np.atleast_1d(np.asarray(resistance, float)), bus)
        return np.asarray(volts[:, path.dc])
    return np.asarray(1 / _inward(frequencies, np.atleast_1d(np.asarray(resistance, float)), bus)[-1])


def chain_noise(
    f: ArrayLike, resistance: ArrayLike, bus: BusCircuit, temperature: ArrayLike = 300.0, ambient: float = 300.0
) -> Noise:
    """Noise at the DC output of a grounded chain, eq. 1.

    f [frequencies] in Hz; resistance [resonators] in ohm, from the feed on; their temperature, K (one or one each);
    `ambient`, K, is that of everything else.
    """
    frequencies, r = np.atleast_1d(np.asarray(f, float)), np.atleast_1d(np.asarray(resistance, float))
    if bus.groups > 1:
        return _grouped_noise(frequencies, r, bus, np.broadcast_to(johnson(r, temperature), r.shape), ambient)
    right, head, feed, choke, output = _inward(frequencies, r, bus)
    volts = 1 / output
    through_choke = volts * choke
    at = through_choke / head
    density = np.zeros(len(frequencies))
    thermal = np.broadcast_to(johnson(r, temperature), r.shape)
    through_feed = at * feed
    for n in range(len(r)):
        current = at * right[:, n]
        own = resonator_impedance(2j * np.pi * frequencies, r[n], bus)
        density += thermal[n] * np.abs(current * own / r[n]) ** 2
        at = at - current * own
    return Noise(
        density,
        johnson(bus.choke_resistance, ambient) * np.abs(through_choke) ** 2,
        johnson(np.asarray(_behind(2j * np.pi * frequencies, bus)).real, ambient) * np.abs(through_feed) ** 2,
        johnson(bus.readout_resistance, ambient) * np.abs(volts / bus.readout_resistance) ** 2,
    )
