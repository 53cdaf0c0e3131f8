"""What the compiled balance asks of a layer: tones, resonances, drives and voltages, bus by bus."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Ints
from resonet.cosim.weights.bus_answers import core_threads
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation, Tones
from resonet.models.resonator.tone_bank import ToneBank
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan

__all__ = ["BALANCES", "Balance", "BusTable", "LayerTable", "layer_table"]

Balance = Literal["fast", "full"]
BALANCES: tuple[Balance, ...] = get_args(Balance)
TOLERANCE = 1e-7  # of the last step of Newton's method, as part of p: the next would be of its square
TAILS = 1e-4  # of K_SD times the largest power in all tones: how far the fast balance may be off in a resonator
ROOM = 1.25  # largest power that the fast balance is made for, in p_max: noisy tones are above it
EACH = 64  # rows that a thread takes at a time


@dataclass(frozen=True, slots=True, eq=False)
class BusTable:
    """One bus."""

    name: str
    group: int
    outputs: Ints  # [chains]
    taps: Ints  # [resonators]
    tones: Array  # [resonators] Hz
    f_res: Array  # [chains, resonators] Hz
    currents: Array  # [resonators, tones] |i|² of a tone that puts 1 W into its own resonator, A²
    gains: Array  # [resonators] V at the readout per volt of a resonator
    below: int  # resonators of the same neurons on the buses before it
    bank: ToneBank | None = None  # for the fast balance


@dataclass(frozen=True, slots=True, eq=False)
class LayerTable:
    """The buses of a layer and the law of their resonators."""

    layer: str
    buses: tuple[BusTable, ...]
    device: SpinDiode
    law: Saturation
    unit: Array  # [groups, outputs] V of a unit of the trained sum, for inputs in parts of p_max
    p_max: float  # W
    balance: Balance = "full"

    def tuned(self, f_res: Sequence[Array], unit: Array | None = None) -> "LayerTable":
        """The same with other resonance frequencies, and perhaps another unit."""
        buses = [
            replace(bus, f_res=np.ascontiguousarray(f), bank=None) for bus, f in zip(self.buses, f_res, strict=True)
        ]
        return replace(self, buses=tuple(buses), unit=self.unit if unit is None else unit).by(self.balance)

    def by(self, balance: Balance) -> "LayerTable":
        """The same by the fast or the full balance. InputError where the resonances shift: there is no fast one."""
        if balance not in BALANCES:
            raise InputError(f"balance {balance!r:.40}: possible: {', '.join(BALANCES)}")
        if balance == "full":
            return replace(self, balance=balance)
        if self.law.frequency_shift:
            raise InputError(
                f"saturation.frequency_shift = {self.law.frequency_shift:g}: the fast balance knows no shift; "
                "possible: the full balance, or 0"
            )
        buses = [bus if bus.bank else replace(bus, bank=self._bank(bus)) for bus in self.buses]
        return replace(self, buses=tuple(buses), balance=balance)

    def _bank(self, bus: BusTable) -> ToneBank:
        made = (bus.f_res, bus.tones, bus.currents, bus.gains, ROOM * self.p_max, TAILS)
        return ToneBank.of(self.device, self.law, *made)

    def volts(self, bus: BusTable, carried: Array) -> Array:
        """Voltages of the chains of a bus [rows, chains] for carried [rows, tones], V. Raises EngineError."""
        if bus.bank is not None and not (carried > ROOM).any():
            return bus.bank.voltages(carried * self.p_max, core_threads())
        return self._full(bus, carried, np.empty((len(carried), len(bus.f_res))), np.empty((0, 0, 0)))

    def slopes(self, bus: BusTable, carried: Array) -> tuple[Array, Array]:
        """Those by the full balance, and what each changes by per half-width that a resonator is tuned down.

        [rows, chains] and [rows, chains, resonators].
        """
        slopes = np.empty((len(carried), *bus.f_res.shape))
        return self._full(bus, carried, np.empty(slopes.shape[:2]), slopes), slopes

    def _full(self, bus: BusTable, carried: Array, answers: Array, slopes: Array) -> Array:
        from resonet.cosim.saturation.kernel import answers_of_bus

        # Neither s nor v of a tone that carries 1 depends on its frequency or on the resonance.
        tones, damping = Tones.at(self.device, self.law, 1e9, 1e9, 1.0), self.device.damping
        drives = np.ascontiguousarray(bus.currents * (float(tones.drive[0, 0]) * self.p_max))
        volts = bus.currents * (float(tones.volts[0, 0]) * self.p_max) * bus.gains[:, None]
        law = np.array([self.law.nonlinear_damping, tones.shift, TOLERANCE])
        carried, rows = np.ascontiguousarray(carried, float), len(carried)

        def part(start: int) -> int:
            of = (start, min(start + EACH, rows))
            made = (bus.tones, bus.f_res, drives, volts, damping, law)
            return int(answers_of_bus(of, carried, *made, answers, slopes))

        lost = _on_all_cores(part, rows)
        if lost or not np.isfinite(answers).all():
            raise EngineError(
                f"layer {self.layer}, bus {bus.name}: {lost:,} balances of saturating resonators did not converge at "
                f"{self.p_max:g} W; possible: less plan.p_max, saturation.frequency_shift nearer to 0"
            )
        return answers


def _on_all_cores(call: Callable[[int], int], rows: int) -> int:
    """Sum of calls with the first of so many rows each, on all cores."""
    starts = range(0, rows, EACH)
    threads = min(core_threads(), len(starts))
    if threads <= 1:
        return sum(call(start) for start in starts)
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(call, starts))


def layer_table(
    plan: FrequencyPlan,
    entry: LayerPlan,
    law: Saturation,
    f_res: Sequence[Array],
    unit: Array,
    engine: Engine = linear,
) -> LayerTable:
    """Table of a layer, of the currents that an engine says; `unit` [groups, outputs] V/W of a unit of a weight.

    Raises InputError for an engine that has them only of decks.
    """
    if engine.powers is None:
        raise InputError(
            f"layer {entry.layer.name}: engine {engine.name} with saturating resonators; possible: linear, formula, or "
            "auto"
        )
    powers, divider = engine.powers(plan, entry)
    buses = [
        BusTable(
            bus.name,
            bus.group,
            bus.outputs,
            bus.taps,
            np.ascontiguousarray(bus.frequencies),
            np.ascontiguousarray(f, float),
            np.ascontiguousarray(power.T),
            bus.signs * divider,
            bus.below,
        )
        for bus, power, f in zip(entry.buses, powers, f_res, strict=True)
    ]
    p_max = plan.options.p_max
    return LayerTable(entry.layer.name, tuple(buses), plan.device, law, unit * p_max, p_max)
