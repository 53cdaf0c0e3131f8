"""One RF bus whose resonators are not alike: every one has a resistance and a node capacitance of its own.

The network is that of models/circuit/bus.py. What each chain takes at the bus depends on its own resonators, so that
the chains no longer stand for one another:

    V_bus = e / (1 + Z Σ_j Y_j),        i_jk = V_bus (i_jk per volt of the bus),                                    (1)

with e and Z of `seen_from_chains`, Y_j the admittance of chain j behind its DC block. The second factor is that of a
ladder, by one pass inwards and one outwards (`grouped_currents`). Of a tile below only its resistance in all is known
there, as in the uniform circuit. Phasors are peak values, per volt of EMF at the combiner's output.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools, Complex
from resonet.models.circuit.bus import BusCircuit, seen_from_chains, tail_admittance, transformed_load
from resonet.models.circuit.groups import grouped_currents

__all__ = ["UnevenChains", "chain_currents", "uneven_currents", "uneven_load", "uneven_tail"]


@dataclass(frozen=True, slots=True, eq=False)
class UnevenChains:
    """Chains of one bus, all of as many resonators."""

    resistance: Array  # [chains, resonators] ohm
    node: Array  # [chains, resonators] F, half of it at either end of the resonator
    below: Array  # [chains] ohm, resonators in series under the tile, at DC
    under: int  # how many these are; 0: the far end is ground
    lost: Bools | None = None  # [chains] beyond a break of the bus: they hear no tone; None: there is none

    def impedances(self, s: Complex, circuit: BusCircuit) -> Complex:
        """Of the resonators at s = 2πjf [f], ohm [f, chains, resonators]."""
        own = self.resistance[None].astype(complex)
        if circuit.junction_capacitance:
            own = own / (1 + s[:, None, None] * self.resistance * circuit.junction_capacitance)
        return own


def uneven_tail(s: Complex, chains: UnevenChains, circuit: BusCircuit) -> Complex:
    """Impedance from the far end of every chain to ground, ohm [f, chains]; 0 where it is ground."""
    if not chains.under:
        return np.zeros((len(s), len(chains.below)), complex)
    through = s[:, None]
    below = chains.below / (1 + through * chains.below * circuit.junction_capacitance / chains.under)
    return np.asarray(1 / (through * chains.node[:, -1] / 2 + tail_admittance(through, circuit, below)))


def _heard(drawn: Complex, chains: UnevenChains) -> Complex:
    """Admittance of the chains that the bus still reaches, S [f]."""
    return np.asarray(drawn.sum(1) if chains.lost is None else drawn[:, ~chains.lost].sum(1))


def chain_currents(f: Array, chains: UnevenChains, circuit: BusCircuit) -> tuple[Complex, Complex]:
    """Current through R0 of every resonator per volt of the bus, A/V [f, chains, resonators]; Y_j, S [f, chains]."""
    s = 2j * np.pi * np.asarray(f).astype(complex)
    own = chains.impedances(s, circuit)
    currents, drawn = grouped_currents(s[:, None], own, chains.node, circuit, uneven_tail(s, chains, circuit))
    return (currents * (own / chains.resistance) if circuit.junction_capacitance else currents), drawn


def uneven_currents(f: Array, chains: UnevenChains, circuit: BusCircuit) -> Complex:
    """RF current of every resonator (through its R0) per volt of EMF, A/V [f, chains, resonators] (eq. 1); f in Hz."""
    currents, drawn = chain_currents(f, chains, circuit)
    emf, impedance = seen_from_chains(2j * np.pi * np.asarray(f).astype(complex), circuit)
    found = np.asarray(currents * np.reshape(emf / (1 + impedance * _heard(drawn, chains)), (-1, 1, 1)))
    if chains.lost is not None:
        found[:, chains.lost] = 0
    return found


def uneven_load(f: Array, chains: UnevenChains, circuit: BusCircuit) -> Complex:
    """Admittance that the combiner's output sees, S [f]: `bus_load` of such chains."""
    drawn = _heard(chain_currents(f, chains, circuit)[1], chains)
    return transformed_load(2j * np.pi * np.asarray(f).astype(complex), drawn, circuit)
