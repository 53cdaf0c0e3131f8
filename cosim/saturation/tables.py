"""What the compiled balance asks of a layer: tones, resonances, drives and voltages, bus by bus."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Ints
from resonet.cosim.weights.bus_answers import core_threads
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.models.resonator.precession_noise import balanced_density
from resonet.models.resonator.tone_balance import Saturation, Tones, balance_tones
from resonet.models.resonator.tone_bank import ToneBank
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan

__all__ = ["BALANCES", "Balance", "BusTable", "LayerTable", "check_engine", "layer_table", "on_all_cores"]

Balance = Literal["fast", "full"]
BALANCES: tuple[Balance, ...] = get_args(Balance)
TAILS = 1e-4  # of K_SD times the largest power in all tones: how far the fast balance may be off in a resonator
ROOM = 1.5  # largest power that the fast balance is made for, in p_max: noisy tones are above it
EACH = 64  # rows that a thread takes at a time
AT_ONCE = 1_000_000  # tones in resonators that a thread solves at a time by the full balance


@dataclass(frozen=True, slots=True, eq=False)
class BusTable:
    """One bus."""

    name: str
    group: int
    outputs: Ints  # [chains]
    taps: Ints  # [resonators]
    tones: Array  # [resonators] Hz
    f_res: Array  # [chains, resonators] Hz
    currents: Array  # [resonators, tones] |i|² of a tone that puts 1 W into its own resonator, A²; or chain by chain
    gains: Array  # [resonators] V at the readout per volt of a resonator, or [chains, resonators]
    below: int  # resonators of the same neurons on the buses before it
    bank: ToneBank | None = None  # for the fast balance
    own: OwnDiodes | None = None  # [chains, resonators]; None: all are the device of the layer


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
        """The same by the fast or the full balance. Raises InputError."""
        if balance not in BALANCES:
            raise InputError(f"balance {balance!r:.40}: possible: {', '.join(BALANCES)}")
        if balance == "full":
            return replace(self, buses=tuple(replace(bus, bank=None) for bus in self.buses), balance=balance)
        buses = [bus if bus.bank else replace(bus, bank=self._bank(bus)) for bus in self.buses]
        return replace(self, buses=tuple(buses), balance=balance)

    def _bank(self, bus: BusTable) -> ToneBank:
        made = (bus.f_res, bus.tones, bus.currents, bus.gains, ROOM * self.p_max, TAILS)
        return ToneBank.of(bus.own or self.device, self.law, *made)

    def volts(self, bus: BusTable, carried: Array, widths: Array | None = None) -> Array:
        """Voltages of the chains of a bus [rows, chains] for carried [rows, tones], V; widths as for `heard`.

        Raises EngineError.
        """
        if bus.bank is None:
            return self._full(bus, carried, widths, noisy=False)[0]
        beyond = (carried > ROOM).any(1)
        answers = bus.bank.voltages(np.minimum(carried, ROOM) * self.p_max, core_threads(), widths)
        if beyond.any():
            wide = None if widths is None else widths[beyond]
            answers[beyond] = self._full(bus, carried[beyond], wide, noisy=False)[0]
        return answers

    def heard(self, bus: BusTable, carried: Array, widths: Array | None) -> tuple[Array, Array]:
        """Voltages, and densities of the precession noise of the chains for p_T = 1, V²/Hz, one-sided; same shape.

        widths [rows, tones]: half of the tones' line widths in half-widths of a resonator there. Raises EngineError.
        """
        if bus.bank is None:
            return self._full(bus, carried, widths)
        beyond = (carried > ROOM).any(1)
        low = np.minimum(carried, ROOM) * self.p_max
        answers, noise = bus.bank.noisy_voltages(low, widths, core_threads())
        if beyond.any():
            wide = None if widths is None else widths[beyond]
            answers[beyond], noise[beyond] = self._full(bus, carried[beyond], wide)
        return answers, noise

    def _full(self, bus: BusTable, carried: Array, widths: Array | None, noisy: bool = True) -> tuple[Array, Array]:
        """The same by the full balance; noise, which takes time, only if `noisy`."""
        (chains, count), lost = bus.f_res.shape, np.zeros(len(carried), np.int64)
        whole = np.broadcast_to(bus.currents, (chains, count, len(bus.tones)))
        currents, (answers, noise) = whole.reshape(chains * count, -1), np.zeros((2, len(carried), chains))
        device = self.device if bus.own is None else bus.own.arranged(np.ravel)
        each = max(1, AT_ONCE // (chains * count * len(bus.tones)))

        def part(start: int) -> None:
            rows = slice(start, start + each)
            made = (device, self.law, bus.f_res.ravel(), bus.tones, currents, carried[rows] * self.p_max)
            balance = balance_tones(*made, 0.0 if widths is None else widths[rows])
            lost[rows] = balance.failed.sum(1)
            answers[rows] = (balance.voltages.reshape(-1, chains, count) * bus.gains).sum(-1)
            if noisy:
                noise[rows] = balanced_density(*made, balance.p).reshape(-1, chains, count).sum(-1)

        on_all_cores(part, range(0, len(carried), each))
        if lost.any() or not np.isfinite(answers).all():
            raise EngineError(
                f"layer {self.layer}, bus {bus.name}: {lost.sum():,} balances of saturating resonators did not "
                f"converge at {self.p_max:g} W; possible: less plan.p_max, saturation.frequency_shift nearer to 0"
            )
        return answers, noise

    def slopes(self, bus: BusTable, carried: Array) -> Array:
        """What the voltages change by per half-width that a resonator is tuned down, [rows, chains, resonators], V."""
        from resonet.cosim.saturation.kernel import slopes_of_bus

        # Neither s nor v of a tone that carries 1 depends on its frequency or on the resonance.
        tones = Tones.at(self.device, self.law, 1e9, 1e9, 1.0)
        drives = np.ascontiguousarray(bus.currents * (float(tones.drive[0, 0]) * self.p_max))
        volts = bus.currents * (float(tones.volts[0, 0]) * self.p_max) * bus.gains[:, None]
        law = np.array([self.device.damping, self.law.nonlinear_damping, tones.shift])
        carried, slopes = np.ascontiguousarray(carried, float), np.empty((len(carried), *bus.f_res.shape))

        def part(start: int) -> None:
            rows = (start, min(start + EACH, len(carried)))
            slopes_of_bus(rows, carried, bus.tones, bus.f_res, drives, volts, law, slopes)

        on_all_cores(part, range(0, len(carried), EACH))
        return slopes


def on_all_cores(call: Callable[[int], None], starts: range) -> None:
    """Call with every start, on all cores; warnings are those of the caller."""
    threads = min(core_threads(), len(starts))
    if threads <= 1:
        for start in starts:
            call(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        context = [copy_context() for _ in starts]
        for _ in pool.map(lambda own, start: own.run(call, start), context, starts):
            pass


def check_engine(engine: Engine) -> None:
    """InputError for an engine that has its currents only of decks."""
    if engine.powers is None:
        raise InputError(
            f"engine {engine.name} with saturating resonators; possible: linear, formula, or auto, whose currents need "
            "no decks"
        )


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
    check_engine(engine)
    assert engine.powers is not None
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
