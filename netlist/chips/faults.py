"""Faults of a chip: which devices are broken, and how.

    stuck       a resonator stays at a detuning, half-widths from its tone, whatever its tuning line says
    short       the barrier has broken down: a few ohm in the place of R0, and nothing rectified. The current of its
                chain rises for all others
    open        no current any more, for RF and DC, but for what the junction's capacitance lets through: all tiles of
                the neuron are in series, so that its whole voltage is lost
    tone        the source of a tone on a bus is dead
    oscillator  a neuron sends no tone
    line        the line of a bus is broken before a chain: that chain and those behind it hear no tone

A map holds arrays, not one record a fault. Decks (netlist/bus) and the linear engine (cosim/chips) read the chip that
`faulty_chip` makes of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Bools, Ints
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["FAULTS", "OF_RESONATORS", "Fault", "FaultKind", "FaultMap", "FaultOptions", "LayerFaults", "no_faults"]

FaultKind: TypeAlias = Literal["stuck", "short", "open", "tone", "oscillator", "line"]
FAULTS: tuple[FaultKind, ...] = get_args(FaultKind)
OF_RESONATORS: tuple[FaultKind, ...] = ("stuck", "short", "open")  # their codes in a map are 1, 2, 3


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """What broken devices are."""

    short_resistance: float = parameter(10.0, "Ohm", 1e-3, 1e6, "of a resonator whose barrier has broken down")
    open_resistance: float = parameter(1e12, "Ohm", 1e3, 1e15, "of an open one: what leaks or is led past it")
    stuck_range: float = parameter(
        1.0, "", 0.0, 1e3, "stuck resonators that are drawn lie within so many half-widths of their tones, evenly"
    )

    def __post_init__(self) -> None:
        check(self, "faults")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault by name, as a row of a file has it."""

    layer: str
    bus: str
    chain: int | None
    resonator: int | None
    kind: FaultKind
    detuning: float | None = None  # half-widths, of a stuck one


@dataclass(frozen=True, slots=True, eq=False)
class LayerFaults:
    """Faults of one layer."""

    entry: LayerPlan
    codes: tuple[NDArray[np.uint8], ...]  # bus by bus [chains, resonators]: 0 sound, 1 stuck, 2 short, 3 open
    detunings: tuple[Array, ...]  # same shapes; half-widths where stuck
    tones: Bools  # [groups, taps] dead
    oscillators: Bools  # [groups, outputs] dead
    breaks: Ints  # [buses] first chain beyond the break; as many as the bus has: none

    def of(self, number: int, kind: FaultKind) -> Bools:
        """Resonators of a bus, by its number, with a fault of that kind, [chains, resonators]."""
        return np.asarray(self.codes[number] == 1 + OF_RESONATORS.index(kind))

    def count(self, kind: FaultKind) -> int:
        """Faults of a kind."""
        if kind in OF_RESONATORS:
            return sum(int(self.of(n, kind).sum()) for n in range(len(self.codes)))
        if kind == "line":
            return int((self.breaks < [bus.size[0] for bus in self.entry.buses]).sum())
        return int((self.tones if kind == "tone" else self.oscillators).sum())

    def named(self) -> Iterator[Fault]:
        """The faults one by one; of tones and neurons on the first bus that has them."""
        layer, tones, neurons = self.entry.layer.name, self.tones.copy(), self.oscillators.copy()
        for n, bus in enumerate(self.entry.buses):
            for j, k in np.argwhere(self.codes[n]).tolist():
                kind = OF_RESONATORS[self.codes[n][j, k] - 1]
                off = float(self.detunings[n][j, k]) if kind == "stuck" else None
                yield Fault(layer, bus.name, j, k, kind, off)
            for k in np.flatnonzero(tones[bus.group, bus.taps]).tolist():
                yield Fault(layer, bus.name, None, k, "tone")
            for j in np.flatnonzero(neurons[bus.group, bus.outputs]).tolist():
                yield Fault(layer, bus.name, j, None, "oscillator")
            tones[bus.group, bus.taps], neurons[bus.group, bus.outputs] = False, False
            if self.breaks[n] < bus.size[0]:
                yield Fault(layer, bus.name, int(self.breaks[n]), None, "line")


@dataclass(frozen=True, slots=True, eq=False)
class FaultMap:
    """Faults of a chip."""

    layers: Mapping[str, LayerFaults]
    damping: float  # nominal α, that detunings are counted in
    options: FaultOptions = field(default_factory=FaultOptions)

    def counts(self) -> dict[FaultKind, int]:
        """Faults by kind, of those that there are."""
        found = {kind: sum(one.count(kind) for one in self.layers.values()) for kind in FAULTS}
        return {kind: count for kind, count in found.items() if count}

    def named(self) -> Iterator[Fault]:
        """The faults one by one."""
        for one in self.layers.values():
            yield from one.named()


def no_faults(entry: LayerPlan) -> LayerFaults:
    """A layer without faults, whose arrays may be written to."""
    layer, sizes = entry.layer, [bus.size for bus in entry.buses]
    return LayerFaults(
        entry,
        tuple(np.zeros(size, np.uint8) for size in sizes),
        tuple(np.zeros(size) for size in sizes),
        np.zeros((layer.groups, layer.taps), bool),
        np.zeros((layer.groups, layer.outputs), bool),
        np.array([chains for chains, _ in sizes], np.int64),
    )
