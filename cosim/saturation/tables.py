"""What the compiled balance asks of a layer: tones, resonances, drives and voltages, bus by bus."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Ints
from resonet.cosim.saturation.expansion import Expansion
from resonet.cosim.weights.bus_answers import core_threads
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation, Tones
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan

__all__ = ["BALANCES", "Balance", "BusTable", "LayerTable", "layer_table"]

Balance = Literal["fast", "full"]
BALANCES: tuple[Balance, ...] = get_args(Balance)
TOLERANCE = 1e-7  # of the last step of Newton's method, as part of p: the next would be of its square
EACH = 64  # rows that a thread takes at a time


@dataclass(frozen=True, slots=True, eq=False)
class BusTable:
    """One bus; drives and volts are of a tone that carries 1, that is p_max in its own resonator."""

    name: str
    group: int
    outputs: Ints  # [chains]
    taps: Ints  # [resonators]
    tones: Array  # [resonators] Hz
    f_res: Array  # [chains, resonators] Hz
    drives: Array  # [resonators, tones] s_t of cosim/saturation/kernel.py
    volts: Array  # [resonators, tones] v_t there, V at the readout, with the sign of the resonator
    expansion: Expansion | None = None  # for the fast balance


@dataclass(frozen=True, slots=True, eq=False)
class LayerTable:
    """The buses of a layer and the law of their resonators."""

    layer: str
    buses: tuple[BusTable, ...]
    damping: float
    law: Saturation
    unit: Array  # [groups, outputs] V of a unit of the trained sum, for inputs in parts of p_max
    p_max: float  # W
    balance: Balance = "full"

    def tuned(self, f_res: Sequence[Array], unit: Array | None = None) -> "LayerTable":
        """The same with other resonance frequencies, and perhaps another unit."""
        buses = [
            replace(bus, f_res=np.ascontiguousarray(f), expansion=None)
            for bus, f in zip(self.buses, f_res, strict=True)
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
                f"saturation.frequency_shift = {self.law.frequency_shift:g}: the fast balance knows no shift; possible: "
                "the full balance, or 0"
            )
        q = self.law.nonlinear_damping
        buses = [
            bus
            if bus.expansion
            else replace(bus, expansion=Expansion.of(bus.tones, bus.f_res, bus.drives, bus.volts, self.damping, q))
            for bus in self.buses
        ]
        return replace(self, buses=tuple(buses), balance=balance)

    def volts(self, bus: BusTable, carried: Array) -> Array:
        """Voltages of the chains of a bus [rows, chains] for carried [rows, tones], V. Raises EngineError."""
        answers = np.empty((len(carried), len(bus.f_res)))
        if self.balance == "full":
            return self._full(bus, carried, answers, np.empty((0, 0, 0)))
        expansion = bus.expansion
        assert expansion is not None

        def part(start: int) -> int:
            return expansion.volts(carried[start : start + EACH], answers[start : start + EACH], TOLERANCE)

        return self._checked(bus, answers, _on_all_cores(part, len(carried)))

    def slopes(self, bus: BusTable, carried: Array) -> tuple[Array, Array]:
        """Those by the full balance, and what each changes by per half-width that a resonator is tuned down.

        [rows, chains] and [rows, chains, resonators].
        """
        slopes = np.empty((len(carried), *bus.f_res.shape))
        return self._full(bus, carried, np.empty(slopes.shape[:2]), slopes), slopes

    def _full(self, bus: BusTable, carried: Array, answers: Array, slopes: Array) -> Array:
        from resonet.cosim.saturation.kernel import answers_of_bus

        shift = self.law.frequency_shift / self.damping
        law = np.array([self.law.nonlinear_damping, shift, TOLERANCE])
        carried, rows = np.ascontiguousarray(carried, float), len(carried)

        def part(start: int) -> int:
            of = (start, min(start + EACH, rows))
            made = (bus.tones, bus.f_res, bus.drives, bus.volts, self.damping, law)
            return int(answers_of_bus(of, carried, *made, answers, slopes))

        return self._checked(bus, answers, _on_all_cores(part, rows))

    def _checked(self, bus: BusTable, answers: Array, lost: int) -> Array:
        if lost or not np.isfinite(answers).all():
            raise EngineError(
                f"layer {self.layer}, bus {bus.name}: {lost:,} balances of saturating resonators did not converge at "
                f"{self.p_max:g} W; possible: less plan.p_max, saturation.frequency_shift nearer to 0"
            )
        return answers


def _on_all_cores(call: Callable[[int], int], rows: int) -> int:
    """Sum of calls with the first of so many rows each, on all cores."""
    from threadpoolctl import threadpool_limits

    starts = range(0, rows, EACH)
    threads = min(core_threads(), len(starts))
    with threadpool_limits(1, "blas"):  # small products, whose threads would only wait for each other
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
    """Table of a layer, of the currents that an engine says; `unit` V/W of a unit of a trained weight [groups, outputs].

    Raises InputError for an engine that has them only of decks.
    """
    if engine.powers is None:
        raise InputError(
            f"layer {entry.layer.name}: engine {engine.name} with saturating resonators; possible: linear, formula, or "
            "auto"
        )
    p_max = plan.options.p_max
    powers, divider = engine.powers(plan, entry)
    drive, gain = _per_square_ampere(plan.device, law)
    buses = [
        BusTable(
            bus.name,
            bus.group,
            bus.outputs,
            bus.taps,
            np.ascontiguousarray(bus.frequencies),
            np.ascontiguousarray(f, float),
            np.ascontiguousarray(power.T * (drive * p_max)),
            np.ascontiguousarray(power.T * (gain * divider * p_max) * bus.signs[:, None]),
        )
        for bus, power, f in zip(entry.buses, powers, f_res, strict=True)
    ]
    return LayerTable(entry.layer.name, tuple(buses), plan.device.damping, law, unit * p_max, p_max)


def _per_square_ampere(device: SpinDiode, law: Saturation) -> tuple[float, float]:
    """s_t and v_t of a tone of 1 A peak (`Tones`): they depend neither on the tone nor on the resonance."""
    tones = Tones.at(device, law, 1e9, 1e9, 1.0)
    return float(tones.drive[0, 0]), float(tones.volts[0, 0])
