"""A multiplexer in the place of the combiner: every tone through a filter of its own onto the common node of the bus.

Tones of different frequency lose 10 log10(N) in a combiner that knows nothing of frequency; filters let each pass where
the others are out of the way. Source k (EMF e, impedance Z0) stands behind a series resonator on its channel f_k,

    e -- Z0 -- r_k -- L_k -- C_k -- common node,    2πf_k L_k = Q_e Z0,   r_k = Q_e Z0 / Q_u,   (2πf_k)² L_k C_k = 1,

with Q_e loaded by the source alone (the half-power width into a short circuit is f_k / Q_e) and Q_u unloaded. From the
node to ground stand an inductor (DC and beat notes go there; it also takes out part of what the filters above a
channel, capacitive there, put on the node), the filters' stray capacitances, and the chains. With

    y_k(f) = 1 / (Z0 + r_k + jX_k),    X_k = Q_e Z0 (f/f_k - f_k/f),    Y(f) = Y_chains + Y_return + Y_stray         (1)

the node has per volt of the source k, and the current of source m, into it, is -y_m times that,

    v_k = y_k / (Σ_m y_m + Y).                                                                                       (2)

A source without a combiner, EMF e behind Z0 on the same chains, gives 1 / (1 + Z0 Y_chains). What the filters make of a
tone, against that, is

    gain_k = v_k(f_k) (1 + Z0 Y_chains(f_k)),    ideal: 1,    combiner of N inputs: 1/√N.                            (3)

Far neighbours are |X| = 2 Q_e Z0 |f/f_k - 1| away; at the ends of a geometric band they are all on one side, so that
their susceptances add up (harmonic sum); there the gain is least, or, where with the filter's own reactance they happen
to match the chains, most. Losses: 1 / (1 + Q_e/Q_u) of the available power at most goes on.

Ports: with a wave into port k and all others ended in Z0, the current into each follows from (2):

    S_mk = δ_mk - 2 Z0 (δ_mk y_k - y_m y_k / (Σ y + Y)).                                                             (4)

|S_mk(f_k)|² is the part of a tone's available power that gets back into source m. Waves and phasors are peak values;
ratios do not depend on that. Kirchhoff's laws, nothing else; such circuits: Matthaei, Young, Jones, Microwave Filters,
Impedance-Matching Networks, and Coupling Structures, section 16.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit

__all__ = [
    "ChannelFilters",
    "channel_filters",
    "filter_times",
    "multiplexer_gains",
    "multiplexer_leakage",
    "multiplexer_scattering",
    "multiplexer_transfers",
    "multiplexer_warmth",
    "node_admittance",
    "ring_time",
    "source_impedance",
]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFilters:
    """Elements of the filters, one a channel."""

    resistance: Array  # ohm
    inductance: Array  # H
    capacitance: Array  # F


def channel_filters(channels: ArrayLike, circuit: BusCircuit) -> ChannelFilters:
    """Filters of channels in Hz."""
    w0 = 2 * np.pi * np.asarray(channels, float)
    reactance = circuit.filter_q * circuit.impedance
    loss = np.full(w0.shape, reactance / circuit.filter_unloaded)
    return ChannelFilters(loss, reactance / w0, 1 / (w0 * reactance))


def node_admittance(f: ArrayLike, channels: int, circuit: BusCircuit) -> Complex:
    """Admittance at the common node besides filters and chains, S: return inductor and strays of so many filters."""
    s = 2j * np.pi * np.asarray(f, float)
    return np.asarray(1 / (s * circuit.filter_return) + channels * s * circuit.filter_stray)


def _branches(f: ArrayLike, channels: ArrayLike, circuit: BusCircuit) -> Complex:
    """y_k of eq. 1, S, [frequencies, channels]."""
    ratio = np.asarray(f, float)[..., None] / np.asarray(channels, float)
    z0, q = circuit.impedance, circuit.filter_q
    return np.asarray(1 / (z0 * (1 + q / circuit.filter_unloaded + 1j * q * (ratio - 1 / ratio))))


def multiplexer_gains(channels: Array, load: Complex, circuit: BusCircuit, tones: Array | None = None) -> Complex:
    """EMF of the bus, seen behind Z0, per EMF of each tone's source (eq. 3), complex, [channels].

    `load` is the admittance of all chains at the tones, S (`bus_load`); `tones` in Hz, by default on their channels.
    """
    return np.diagonal(multiplexer_transfers(channels, load, circuit, tones))


def multiplexer_transfers(channels: Array, load: Complex, circuit: BusCircuit, tones: Array | None = None) -> Complex:
    """Like `multiplexer_gains`, of every source at every channel, [source, channel]: how its noise gets there."""
    f = channels if tones is None else tones
    y = _branches(f, channels, circuit)
    node = y / (y.sum(1) + load + node_admittance(f, len(channels), circuit))[:, None]
    return np.asarray((node * (1 + circuit.impedance * load)[:, None]).T)


def multiplexer_warmth(channels: Array, load: Complex, circuit: BusCircuit) -> Array:
    """Johnson noise of sources and filters at the bus, at each channel, as part of the k T that a matched source has.

    Nyquist: 4 k T Re Z_s behind the impedance Z_s of `source_impedance`, as an EMF behind Z0 that does the same.
    """
    z, z0 = source_impedance(channels, circuit), circuit.impedance
    return np.asarray(z.real / z0 * np.abs((1 + z0 * load) / (1 + z * load)) ** 2)


def multiplexer_scattering(f: ArrayLike, channels: Array, load: ArrayLike, circuit: BusCircuit) -> Complex:
    """Scattering between the sources' ports (eq. 4), [frequencies, into port m, from port k], in Z0.

    `load` at the common node besides filters, return and strays, S, broadcasts against f (Hz).
    """
    f = np.atleast_1d(np.asarray(f, float))
    y = _branches(f, channels, circuit)
    total = y.sum(1) + load + node_admittance(f, len(channels), circuit)
    admitted = np.eye(len(channels)) * y[:, None] - y[:, :, None] * y[:, None] / total[:, None, None]
    return np.asarray(np.eye(len(channels)) - 2 * circuit.impedance * admitted)


def multiplexer_leakage(channels: Array, load: Complex, circuit: BusCircuit) -> Array:
    """Part of each tone's available power that gets into each other source, [into m, tone k]; 0 on the diagonal."""
    s = multiplexer_scattering(channels, channels, load, circuit)
    k = np.arange(len(channels))
    leaks = np.abs(s[k, :, k].T) ** 2
    leaks[k, k] = 0.0
    return np.asarray(leaks)


def source_impedance(channels: Array, circuit: BusCircuit) -> Complex:
    """Of all sources behind their filters, seen from the chains at each channel, ohm; filters, return and strays."""
    y = _branches(channels, channels, circuit)
    return np.asarray(1 / (y.sum(1) + node_admittance(channels, len(channels), circuit)))


def filter_times(channels: Array, load: Complex, circuit: BusCircuit) -> Array:
    """Time constant of each tone's amplitude behind its filter, s, [channels]; `load` as in `multiplexer_gains`.

    Near its channel a filter is 2 L_k (jω - jω_k) in series with Z0, r_k and what the others leave at the node, Z_o:
    the amplitude follows with 2 L_k / Re(Z0 + r_k + Z_o), if it changes slowly against the channels' distance.
    """
    y, z0 = _branches(channels, channels, circuit), circuit.impedance
    others = y.sum(1) - np.diagonal(y) + load + node_admittance(channels, len(channels), circuit)
    filters = channel_filters(channels, circuit)
    return np.asarray(2 * filters.inductance / (z0 + filters.resistance + (1 / others).real))


def ring_time(channels: ArrayLike, circuit: BusCircuit) -> Array:
    """Longest time constant of each filter's envelope, s: 2 L / (Z0 + r), without what the chains take."""
    f = np.asarray(channels, float)
    return np.asarray(circuit.filter_q / (np.pi * f * (1 + circuit.filter_q / circuit.filter_unloaded)))
