"""What the compiled balance asks of a layer: tones, resonances, drives and voltages, bus by bus."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Ints
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan

__all__ = ["BusTable", "LayerTable", "layer_table"]

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


@dataclass(frozen=True, slots=True, eq=False)
class LayerTable:
    """The buses of a layer and the law of their resonators."""

    layer: str
    buses: tuple[BusTable, ...]
    damping: float
    nonlinear_damping: float
    shift: float  # n: half-widths of the resonance per unit of p
    unit: Array  # [groups, outputs] V of a unit of the trained sum, for inputs in parts of p_max
    p_max: float  # W

    def tuned(self, f_res: Sequence[Array]) -> "LayerTable":
        """The same with other resonance frequencies."""
        buses = tuple(replace(bus, f_res=np.ascontiguousarray(f)) for bus, f in zip(self.buses, f_res, strict=True))
        return replace(self, buses=buses)

    def bus_volts(self, bus: BusTable, carried: Array, slopes: bool = False) -> tuple[Array, Array]:
        """Voltages of the chains of a bus [rows, chains] for carried [rows, tones], V.

        With `slopes`, what each changes by per half-width that a resonator is tuned down, [rows, chains, resonators].
        Raises EngineError where a balance does not converge.
        """
        from resonet.cosim.saturation.kernel import answers_of_bus

        rows, (chains, count) = len(carried), bus.f_res.shape
        answers, changes = np.empty((rows, chains)), np.empty((rows, chains, count) if slopes else (0, 0, 0))
        law = np.array([self.nonlinear_damping, self.shift, TOLERANCE])
        carried = np.ascontiguousarray(carried, float)

        def part(start: int) -> int:
            of = (start, min(start + EACH, rows))
            return int(
                answers_of_bus(
                    of, carried, bus.tones, bus.f_res, bus.drives, bus.volts, self.damping, law, answers, changes
                )
            )

        lost = sum(_on_all_cores(part, range(0, rows, EACH)))
        if lost or not np.isfinite(answers).all():
            raise EngineError(
                f"layer {self.layer}, bus {bus.name}: {lost:,} balances of saturating resonators did not converge at "
                f"{self.p_max:g} W; possible: less plan.p_max, device.nshift nearer to 0"
            )
        return answers, changes


def _on_all_cores(call, starts: range) -> list[int]:  # type: ignore[no-untyped-def]
    from resonet.cosim.weights.bus_answers import _threads

    threads = min(_threads(), len(starts))
    if threads <= 1:
        return [call(start) for start in starts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, starts))


def layer_table(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    unit: Array,
    engine: Engine = linear,
) -> LayerTable:
    """Table of a layer, of the currents that an engine says; `unit` V/W of a unit of a trained weight [groups, outputs].

    The engine must know its currents without decks (`Engine.powers`).
    """
    if engine.powers is None:
        raise EngineError(f"layer {entry.layer.name}: engine {engine.name} has no currents without decks")
    device, p_max = plan.device, plan.options.p_max
    powers, divider = engine.powers(plan, entry)
    drive, gain = _per_square_ampere(device)
    buses = [
        BusTable(
            bus.name,
            bus.group,
            bus.outputs,
            bus.taps,
            np.ascontiguousarray(bus.frequencies),
            np.ascontiguousarray(f),
            np.ascontiguousarray(power.T) * (drive * p_max),
            np.ascontiguousarray(power.T) * (gain * divider * p_max) * bus.signs[:, None],
        )
        for bus, power, f in zip(entry.buses, powers, f_res, strict=True)
    ]
    shift = device.nshift / device.damping
    return LayerTable(
        entry.layer.name, tuple(buses), device.damping, device.nonlinear_damping, shift, unit * p_max, p_max
    )


def _per_square_ampere(device: SpinDiode) -> tuple[float, float]:
    """s_t and v_t of a tone of 1 A peak: of the auto-oscillator (fidelity 2) whose linear limit the device is.

    Neither depends on its frequency: (A / Γ0)² of eq. 2 of forced_oscillation.py, and ½ k f0 / (2 α f_d).
    """
    oscillator = AutoOscillator.from_spin_diode(device, 1e9)
    scale = oscillator.f0 / (2 * oscillator.free * device.damping)
    return oscillator.drive**2, 0.5 * device.transduction * scale
