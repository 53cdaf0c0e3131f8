"""What the hardware of one chip holds: engines with a chip in them, and weights for `accuracy`.

    chip = sampled_chip(design, spread, seed, number)            # netlist/design/chips.py
    held = chip_weights(design, "coupled", chip)                 # as fabricated: nobody knows of the chip
    accuracy(design, held, images)

Resonance frequencies that an engine is asked with are those that the resonators really have, so that whatever works
with engines works on a chip. To calibrate one, begin where fabrication left it,

    engine, real = chip_engine(chip), chip.fabricated(design.program("coupled"))
    tuned = calibrate_layer(design.plan, entry, real.layer(name), engine).program
    held = chip_weights(design, Program("calibrated", (tuned, ...)), chip, tuned=True)

and tuned.f_res less real's is how far each resonator was tuned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Ints
from resonet.core.watching import Done
from resonet.cosim.chips.currents import bus_phasors, bus_powers, readout_dividers
from resonet.cosim.chips.neurons import neuron_errors
from resonet.cosim.chips.strips import chip_strip_weights
from resonet.cosim.ngspice.program import engine_identity
from resonet.cosim.weights.bus_answers import Answers, loudest_of
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, Passes, Response
from resonet.cosim.weights.held import RfWeights
from resonet.cosim.weights.passes import RfPass, dc_gains, rf_pass
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.values import BusValues, layer_values
from resonet.netlist.design.chips import chip_parameters, real_hardware
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import Method, Program

__all__ = ["ChipLayer", "chip_engine", "chip_network", "chip_weights", "deck_engine"]

KEPT = 60_000_000  # powers of a layer that are kept for the next evaluation, 8 bytes each


class ChipLayer:
    """One layer of a chip: its values, and the powers in its resonators, which no program changes."""

    def __init__(self, plan: FrequencyPlan, entry: LayerPlan, chip: Chip) -> None:
        self.plan, self.entry, self.chip = plan, entry, chip
        self.values: list[BusValues] = layer_values(plan, entry, chip)
        self.dividers = readout_dividers(entry, chip, self.values)
        self._powers: dict[int, Array] = {}
        self._keep = entry.elements <= KEPT

    def powers(self, number: int) -> Array:
        """|i|² of the resonators of a bus, A²/W, [chains or 1, resonators, tones]."""
        found = self._powers.get(number)
        if found is None:
            found = bus_powers(self.plan, self.entry.buses[number], self.values[number])
            if self._keep:
                self._powers[number] = found
        return found

    def divider(self, number: int) -> Array:
        """Of the readout, for the chains of a bus, [chains]."""
        bus = self.entry.buses[number]
        return np.asarray(self.dividers[bus.group, bus.outputs])

    def rectified(self, number: int, f_res: Array) -> tuple[Array, Array, Ints]:
        """Answers of the chains of a bus to 1 W of each tone, V at the readout, [chains, tones].

        And of every resonator (row) and tone the largest voltage over the chains, and which chain that was.
        """
        from resonet.cosim.chips.kernel import uneven_answers

        bus, own = self.entry.buses[number], self.values[number]
        if f_res.shape != bus.size:
            raise EngineError(
                f"layer {bus.layer}, bus {bus.name}: resonance frequencies {list(f_res.shape)}, the plan has "
                f"{list(bus.size)}"
            )
        chains, size = bus.size
        values, most, chain = np.empty((chains, size)), np.empty((size, size)), np.zeros((size, size), np.int64)
        volts = 0.5 * own.transduction * bus.signs
        real, damping = (np.ascontiguousarray(a, float) for a in (f_res, own.damping))
        uneven_answers(real, damping, volts, own.tones, self.powers(number), values, most, chain)
        if not np.isfinite(values).all():
            raise EngineError(f"layer {bus.layer}, bus {bus.name}: an answer is not finite")
        return values * self.divider(number)[:, None], most, chain


class _Layers:
    """Layers of a chip that an engine was asked for; those of the latest plan."""

    def __init__(self, chip: Chip) -> None:
        self._chip, self._made = chip, dict[str, ChipLayer]()

    def __call__(self, plan: FrequencyPlan, entry: LayerPlan) -> ChipLayer:
        name = entry.layer.name
        found = self._made.get(name)
        if found is None or found.entry is not entry or found.plan is not plan:
            found = self._made[name] = ChipLayer(plan, entry, self._chip)
        return found


def _answers(layers: _Layers, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], unit: Array) -> Answers:
    layer, sensitivity = layers(plan, entry), plan.device.sensitivity
    values, maps, chains = np.zeros_like(entry.layer.matrix), [], []
    for n, (bus, f) in enumerate(zip(entry.buses, f_res, strict=True)):
        volts, most, chain = layer.rectified(n, f)
        values[bus.group][np.ix_(bus.outputs, bus.taps)] = volts / unit[bus.group, bus.outputs, None]
        maps.append(most / sensitivity)
        chains.append(chain)
    return Answers(values, tuple(maps), loudest_of(maps, chains))


def _responses(layers: _Layers, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> list[Response]:
    layer, device, found = layers(plan, entry), plan.device, []
    for n, f in enumerate(f_res):
        own = layer.values[n]
        # G of `Chains`: w = Σ G s (-4 α Re chi), with the chip's own k and α where the model has the nominal ones.
        scale = own.transduction / device.transduction * (0.5 * device.resistance * layer.divider(n)[:, None])
        profile = (layer.powers(n) * scale[:, :, None]).transpose(0, 2, 1)
        found.append(Response(layer.rectified(n, f)[0] / device.sensitivity, profile, own.damping, own.tones))
    return found


def _passes(layers: _Layers, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Phasors, with V = ½ k |i|² Re chi for the nominal k: each precession carries its own part of k."""
    layer, rf, gains = layers(plan, entry), [], []
    for n, (bus, f) in enumerate(zip(entry.buses, f_res, strict=True)):
        own = layer.values[n]
        current = bus_phasors(plan, bus, own)
        chi = susceptibility(own.tones[:, None, None], f[None], own.damping[None])
        rf.append(RfPass(own.tones, current, chi * current * (own.transduction / plan.device.transduction)))
        gains.append(bus.signs * layer.divider(n)[:, None])
    return Passes(tuple(rf), tuple(gains))


def _ngspice(
    chip: Chip, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], jobs: int | None, done: Done
) -> Passes:
    """The decks of the chip; `done` is called once a bus."""
    buses = real_hardware(plan, entry, f_res, chip)
    rf, gains, found = rf_pass(buses, jobs, done), dc_gains(buses, jobs), []
    for hardware, one in zip(buses, rf, strict=True):
        assert hardware.values is not None
        own = hardware.values.transduction / plan.device.transduction
        found.append(RfPass(one.frequencies, one.current, one.precession * own))
    held = (np.array([gains[bus.name, j] for j in range(len(bus.outputs))]) for bus in entry.buses)
    return Passes(tuple(found), tuple(held))


def chip_engine(chip: Chip) -> Engine:
    """The linear engine with a chip in it; `f_res` are the real ones. Powers are kept from one evaluation to the next.

    Give an engine the time of one chip: it holds up to half a gigabyte.
    """
    layers = _Layers(chip)
    return Engine(
        "linear",
        partial(_passes, layers),
        answers=partial(_answers, layers),
        responses=partial(_responses, layers),
    )


def deck_engine(chip: Chip, jobs: int | None = None) -> Engine:
    """Decks of a chip in ngspice, with at most so many processes at once; `f_res` are the real ones."""
    return Engine("ngspice", partial(_ngspice, chip), decks=True, version=engine_identity, jobs=jobs)


def chip_network(design: Design, program: Method | Program, chip: Chip, tuned: bool = False) -> Design:
    """The design with a program as the chip has it, under the program's own name; `tuned`: it is so already."""
    given = design.program(program) if isinstance(program, str) else program
    real = given if tuned else chip.fabricated(given)
    built = chip_parameters(design.parameters, chip)
    return replace(design, parameters=built, programs={**design.programs, given.method: real})


def chip_weights(
    design: Design,
    program: Method | Program,
    chip: Chip,
    engine: str | Engine = "linear",
    tuned: bool = False,
) -> dict[str, RfWeights]:
    """What every layer of a chip holds, by name, for `accuracy` and whatever else takes effective weights.

    `program` is what the resonators were set to, by name or by itself, and the chip moves them; with `tuned` its f_res
    are what they really have. `engine`: linear, ngspice (decks of the chip), or `chip_engine(chip)` again, which keeps
    what no program changes. Gain and offset of the neurons are in. Raises InputError, EngineError.
    """
    lines = design.fed_by("stripline")
    if lines and (not isinstance(program, str) or engine == "ngspice"):
        raise InputError(
            f"layer {lines[0]} of a chip is on strip lines; possible: a program by its name, and the linear engine"
        )
    given = program if isinstance(program, Program) else design.program(_on_buses(program))
    made, found = _engine(chip, engine), dict[str, RfWeights]()
    network = chip_network(design, given, chip, tuned)
    for entry in design.plan.layers:
        if entry.layer.name in lines:
            found[entry.layer.name] = chip_strip_weights(design, entry.layer.name, cast(Method, program), chip)
            continue
        held = effective_weights(network, entry.layer.name, given.method, engine=made)
        found[entry.layer.name] = neuron_errors(network, held, chip)
    return found


def _on_buses(program: Method) -> Method:
    """Program of layers on buses in a network of that program: these have no shared tuning currents."""
    return "calibrated" if program == "shared" else program


def _engine(chip: Chip, engine: str | Engine) -> Engine:
    if isinstance(engine, Engine):
        return engine
    made: Mapping[str, Engine] = {
        "linear": chip_engine(chip),
        "ngspice": deck_engine(chip),
    }
    if engine not in made:
        raise InputError(f"engine {engine[:40]!r} with a chip; possible: {', '.join(made)}")
    return made[engine]
