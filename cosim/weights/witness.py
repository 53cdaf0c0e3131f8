"""An engine is not believed: what it gives is held against the linear engine, and that against the laws of circuits.

A result of right shape and finite may still be another one: of another deck, of another unit, columns exchanged. The
linear engine solves the same circuit in closed form at a small part of the cost, so that every bus is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Complex
from resonet.cosim.weights.passes import RfPass
from resonet.models.circuit.bus import BusCircuit, bus_currents, tail_admittance
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["AGREEMENT", "BALANCE", "Witness", "power_balance", "witness"]

AGREEMENT = 1e-6  # of the largest value of its kind on the bus
BALANCE = 1e-9  # of the power that the sources give, and of their voltage


class Passes(Protocol):
    """`engines.Passes`: what an engine gives."""

    @property
    def rf(self) -> Sequence[RfPass]: ...

    @property
    def gains(self) -> Sequence[Array]: ...


@dataclass(frozen=True, slots=True)
class Witness:
    """What a comparison of two engines found."""

    difference: float  # largest, as part of the largest value of its kind on its bus
    buses: int  # how many were compared


def _ladder(f: Array, resistance: float, currents: Complex, circuit: BusCircuit, below: int) -> tuple[Complex, Complex]:
    """Voltages at every node of a chain, [frequencies, resonators + 1], and the admittance at its tail."""
    s = np.asarray(2j * np.pi * f, complex)
    tail = np.zeros(len(f), complex)
    end = np.zeros(len(f), complex)
    if below:
        tail = s * circuit.node_capacitance / 2 + tail_admittance(s, circuit, below * resistance)
        end = currents[:, -1] / tail
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
    volts, tail = _ladder(f, resistance, currents, circuit, below)
    half = s * circuit.node_capacitance / 2
    dc = s * circuit.bypass_capacitance + 1 / circuit.readout_resistance
    shunt = half + 1 / (circuit.choke_resistance + s * circuit.choke_inductance + 1 / dc)
    drawn = currents[:, 0] + shunt * volts[:, 0]
    series = chains * circuit.impedance + 1 / (s * circuit.block_capacitance)
    loop = np.abs(volts[:, 0] + series * drawn - 1)
    inner = currents[:, :-1] - currents[:, 1:] - 2 * half[:, None] * volts[:, 1:-1]
    node = np.abs(inner).max(1, initial=0.0) / np.abs(drawn)
    lost = chains * circuit.impedance * np.abs(drawn) ** 2 + shunt.real * np.abs(volts[:, 0]) ** 2
    lost = lost + resistance * (np.abs(currents) ** 2).sum(1) + tail.real * np.abs(volts[:, -1]) ** 2
    power = np.abs(drawn.real - lost) / np.abs(drawn)  # of the apparent power: far off resonance little of it is real
    return float(max(loop.max(), node.max(), power.max()))


def _check_balance(plan: FrequencyPlan, entry: LayerPlan) -> None:
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


def _largest(values: Complex, expected: Complex) -> tuple[float, complex, complex]:
    """Largest difference as part of the largest expected value, and the two values there."""
    difference = np.abs(values - expected)
    at = np.unravel_index(int(np.argmax(difference)), difference.shape)
    top = float(np.abs(expected).max())
    return float(difference[at]) / (top or 1.0), complex(values[at]), complex(expected[at])


def _shown(value: complex) -> str:
    return f"{value.real:.7g}" + (f"{value.imag:+.7g}j" if value.imag else "")


def witness(
    plan: FrequencyPlan, entry: LayerPlan, expected: Passes, passes: Passes, limit: float = AGREEMENT
) -> Witness:
    """Compare the RF and DC pass of an engine with the linear engine's (`expected`), every bus of a layer.

    Raises EngineError that names layer, bus and both numbers where they differ by more than `limit` of the largest of
    their kind on the bus, or where the linear engine's own solution breaks the laws of circuits.
    """
    _check_balance(plan, entry)
    worst = 0.0
    for number, bus in enumerate(entry.buses):
        ours, theirs, signs = expected.rf[number], passes.rf[number], bus.signs  # of pins p against the bus's direction
        kinds: dict[str, tuple[Complex, Complex]] = {
            "current, A/sqrt(W)": (theirs.current * signs, ours.current),
            "precession, A/sqrt(W)": (theirs.precession * signs, ours.precession),
            "DC gain": (passes.gains[number].astype(complex), expected.gains[number].astype(complex)),
        }
        for kind, (values, reference) in kinds.items():
            if values.shape != reference.shape:
                raise EngineError(
                    f"layer {entry.layer.name}, bus {bus.name}: {kind}: {values.shape}, not {reference.shape}"
                )
            difference, said, other = _largest(values, reference)
            if not difference <= limit:
                raise EngineError(
                    f"layer {entry.layer.name}, bus {bus.name}: {kind}: ngspice says {_shown(said)}, the linear engine "
                    f"{_shown(other)}, {difference:.1e} of the largest apart, allowed {limit:g}; neither is believed"
                )
            worst = max(worst, difference)
    return Witness(worst, len(entry.buses))
