"""An engine is not believed: what it gives is held against the linear engine, and that against the laws of circuits.

A result of right shape and finite may still be another one: of another deck, of another unit, columns exchanged. The
linear engine solves the same circuit in closed form at a small part of the cost, so that every bus is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Complex
from resonet.cosim.weights.passes import RfPass, rectify
from resonet.models.circuit.bus import BusCircuit, bus_currents, resonator_impedance, seen_from_chains, tail_admittance
from resonet.models.circuit.groups import nodal_chain
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = [
    "AGREEMENT",
    "BALANCE",
    "Witness",
    "check_balance",
    "compare",
    "compare_bus",
    "compare_rf",
    "power_balance",
    "witness",
]

AGREEMENT = 1e-6  # of the largest value of its kind on the bus
BOTH = "buses and windows"
NOUGHT = 1e-5  # of |current| |precession|: a bus of weights that are all below it holds zeros, as far as rounding goes
BALANCE = 1e-9  # of the power that the sources give, and of their voltage


class Passes(Protocol):
    """`engines.Passes`: what an engine gives."""

    @property
    def rf(self) -> Sequence[RfPass]: ...

    @property
    def gains(self) -> Sequence[Array]: ...


@dataclass(frozen=True, slots=True)
class Witness:
    """What a comparison of two engines found; `missing` says why there was none."""

    difference: float | None = None  # largest, as part of the largest value of its kind on its bus
    buses: int = 0  # how many were compared
    of: int = 0  # how many there are
    where: str = ""  # layer and bus of the largest difference
    by: str = ""  # who was compared with the linear engine
    missing: str = ""
    what: str = "buses"  # or windows under strip lines

    def __str__(self) -> str:
        if self.difference is None:
            return f"no witness: {self.missing or 'nothing was compared'}"
        count = f"{self.buses:,} of {self.of:,} {self.what}"
        return f"{self.by} on {count}: at most {self.difference:.1e} of full scale apart ({self.where})"

    def __add__(self, other: "Witness") -> "Witness":
        """Both comparisons as one."""
        worst = max(self, other, key=lambda one: -1.0 if one.difference is None else one.difference)
        return replace(
            worst,
            buses=self.buses + other.buses,
            of=self.of + other.of,
            missing=self.missing or other.missing,
            what=self.what if other.what in self.what else other.what if self.what in other.what else BOTH,
        )


def _ladder(f: Array, resistance: float, currents: Complex, circuit: BusCircuit, below: int) -> tuple[Complex, Complex]:
    """Voltages at every node of a chain, [frequencies, resonators + 1], and the admittance at its tail."""
    s = np.asarray(2j * np.pi * f, complex)
    tail = np.zeros(len(f), complex)
    end = np.zeros(len(f), complex)
    if below:
        own = resonator_impedance(s, resistance, circuit)
        tail = s * circuit.node_capacitance / 2 + tail_admittance(s, circuit, below * own)
        end = currents[:, -1] * (resistance / own) / tail
    drops = resistance * currents[:, ::-1]
    volts = np.cumsum(np.concatenate([end[:, None], drops], axis=1), axis=1)[:, ::-1]
    return np.asarray(volts), np.asarray(tail)


def power_balance(
    f: Array, resistance: float, currents: Complex, chains: int, circuit: BusCircuit, below: int = 0
) -> float:
    """What a solution of `bus_currents` leaves open of Kirchhoff's and Tellegen's laws, as part of what drives it.

    The larger of: source power less what source, resonators, choke, readout and tail dissipate; EMF less the voltages
    around the loop; currents into a node. currents [frequencies, resonators] A per volt of EMF.
    """
    s = 2j * np.pi * f
    if circuit.groups > 1:
        return _off_nodes(f, resistance, currents, chains, circuit, below)
    volts, tail = _ladder(f, resistance, currents, circuit, below)
    half = s * circuit.node_capacitance / 2
    dc = s * circuit.bypass_capacitance + 1 / circuit.readout_resistance
    shunt = half + 1 / (circuit.choke_resistance + s * circuit.choke_inductance + 1 / dc)
    through = currents * np.reshape(
        resistance / resonator_impedance(np.asarray(s, complex), resistance, circuit), (-1, 1)
    )
    drawn = through[:, 0] + shunt * volts[:, 0]
    emf, z = seen_from_chains(np.asarray(s, complex), circuit)
    series = chains * z + 1 / (s * circuit.block_capacitance)
    loop = np.abs((volts[:, 0] + series * drawn) / emf - 1)
    inner = through[:, :-1] - through[:, 1:] - 2 * half[:, None] * volts[:, 1:-1]
    node = np.abs(inner).max(1, initial=0.0) / np.abs(drawn)
    lost = chains * np.asarray(z).real * np.abs(drawn) ** 2 + shunt.real * np.abs(volts[:, 0]) ** 2
    lost = lost + resistance * (np.abs(currents) ** 2).sum(1) + tail.real * np.abs(volts[:, -1]) ** 2
    # Of the apparent power: far off resonance little of it is real.
    power = np.abs((np.conj(emf) * drawn).real - lost) / np.abs(emf * drawn)
    return float(max(loop.max(), node.max(), power.max()))


def _off_nodes(f: Array, resistance: float, currents: Complex, chains: int, circuit: BusCircuit, below: int) -> float:
    """What currents of chains in groups are off those of Kirchhoff's laws node by node, as part of the largest."""
    s = np.asarray(2j * np.pi * f, complex)
    own = np.broadcast_to(np.reshape(resonator_impedance(s, resistance, circuit), (-1, 1)), currents.shape)
    emf, z = seen_from_chains(s, circuit)
    tail = tail_admittance(s, circuit, below * own[:, 0]) if below else None
    matrix, path = nodal_chain(s, np.asarray(own, complex), circuit, chains * z, tail)
    drive = np.zeros((len(s), path.size, 1), complex)
    drive[:, path.bus, 0] = emf / (chains * z)
    volts = np.concatenate([np.linalg.solve(matrix, drive)[:, :, 0], np.zeros((len(s), 1))], axis=1)
    wanted = (volts[:, path.first] - volts[:, path.second]) / resistance
    return float((np.abs(currents - wanted).max(1) / np.abs(wanted).max(1)).max())


def check_balance(plan: FrequencyPlan, entry: LayerPlan) -> None:
    """Raise EngineError where the linear engine's own solution breaks the laws of circuits."""
    shapes: dict[tuple[int, int, int], Bus] = {(*bus.size, bus.below): bus for bus in entry.buses}
    for (chains, size, below), bus in shapes.items():
        f, resistance = bus.frequencies, plan.device.resistance
        currents = bus_currents(f, resistance, size, chains, plan.circuit, below)
        open_part = power_balance(f, resistance, currents, chains, plan.circuit, below)
        if not open_part <= BALANCE:
            raise EngineError(
                f"layer {entry.layer.name}, bus {bus.name}: the linear engine's solution leaves {open_part:.1e} of the "
                f"sources' power or voltage open, allowed {BALANCE:g}"
            )


def _rounding(bus: Bus, resistance: float, circuit: BusCircuit) -> float:
    """What rounding leaves of a phase in a nodal solution: the DC block's admittance against that of the chain.

    eps w C N R0; measured in ngspice within a factor of 2 for C of 1 aF ... 1 mF (docs/reliability.md).
    """
    block = 2 * np.pi * float(bus.frequencies.max()) * circuit.block_capacitance
    return float(np.finfo(float).eps) * block * bus.size[1] * resistance


def _largest(found: Array | Complex, expected: Array | Complex, least: float) -> tuple[float, complex, complex]:
    """Largest difference as part of the largest expected value, or of `least`, and the two values there."""
    difference = np.abs(found - expected)
    at = np.unravel_index(int(np.argmax(difference)), difference.shape)
    top = max(float(np.abs(expected).max()), least)
    return float(difference[at]) / (top or 1.0), found[at], expected[at]


def compare(
    where: str,
    kind: str,
    found: Array | Complex,
    known: Array | Complex,
    limit: float = AGREEMENT,
    least: float = 0.0,
) -> float:
    """Largest difference of what ngspice found from what the linear engine knows, as part of the largest known.

    Of `least` where all that is known is below it.

    Raises EngineError with both numbers where it is beyond `limit`, or where the shapes differ.
    """
    if found.shape != known.shape:
        raise EngineError(f"{where}: {kind}: {found.shape}, not {known.shape}")
    difference, one, other = _largest(found, known, least)
    if not difference <= limit:
        raise EngineError(
            f"{where}: {kind}: ngspice says {one:.7g}, the linear engine {other:.7g}, {difference:.1e} of the largest "
            f"apart, allowed {limit:.2g}; neither is believed"
        )
    return difference


def compare_rf(where: str, bus: Bus, resistance: float, circuit: BusCircuit, found: RfPass, known: RfPass) -> float:
    """`compare` the RF pass of a bus: what weights are made of, and the phasors themselves, head-to-tail neighbours.

    `known` counts every current away from the feed. Phases may be off by what rounding takes (`_rounding`): they have
    no part in the weights.
    """
    phase = max(AGREEMENT, 4 * _rounding(bus, resistance, circuit))
    nought = NOUGHT * float(np.abs(known.current * known.precession).max())
    return max(
        compare(where, "current squared, A^2/W", np.abs(found.current) ** 2, np.abs(known.current) ** 2),
        compare(where, "current times precession, A^2/W", rectify(found, 2.0), rectify(known, 2.0), least=nought),
        compare(where, "current, A/sqrt(W)", found.current * bus.signs, known.current, phase),
        compare(where, "precession, A/sqrt(W)", found.precession * bus.signs, known.precession, phase),
    )


def compare_bus(plan: FrequencyPlan, entry: LayerPlan, bus: Bus, found: RfPass, known: RfPass) -> float:
    """`compare_rf` of a bus of a plan."""
    where = f"layer {entry.layer.name}, bus {bus.name}"
    return compare_rf(where, bus, plan.device.resistance, plan.circuit, found, known)


def witness(plan: FrequencyPlan, entry: LayerPlan, expected: Passes, passes: Passes, by: str = "ngspice") -> Witness:
    """Compare the RF and DC pass of an engine with the linear engine's (`expected`), every bus of a layer.

    Raises EngineError that names layer, bus and both numbers where they differ by more than `AGREEMENT` of the largest
    of their kind on the bus, or where the linear engine's own solution breaks the laws of circuits.
    """
    check_balance(plan, entry)
    found = Witness(of=len(entry.buses), by=by)
    for number, bus in enumerate(entry.buses):
        where = f"layer {entry.layer.name}, bus {bus.name}"
        rf = compare_bus(plan, entry, bus, passes.rf[number], expected.rf[number])
        worst = max(rf, compare(where, "DC gain", passes.gains[number], expected.gains[number]))
        found += Witness(worst, 1, 0, where, by)
    return found
