"""What becomes of a chain where a parameter of the design, or the tuning of a resonator, is another one.

    built   the hardware stands: resonances, channels and the EMF of every source stay as they are in the design
    anew    channels and levels are planned, and the chain is programmed, with the parameter; tiles stay as they are

Both keep what the neuron takes for a unit of weight, but that `anew` puts the layer's largest weight at plan.fill of
what a resonator holds, or lower by as much as in the design.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import known_parameter, parameters_of, parse
from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, resonance_for_detuning
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, PlanOptions, bus_gains
from resonet.netlist.planning.powers import check_source_power, check_tone_power
from resonet.netlist.planning.replanning import replanned_bus
from resonet.netlist.programming.methods import bus_weights, layer_unit, solve_layer, solver_chains
from resonet.view.chain import ChainState, Chosen, chain_state

__all__ = ["HOWS", "MOST_CHANGES", "Change", "How", "changeable", "changed_state", "kept_sources", "parse_change"]

How = Literal["built", "anew"]
HOWS: tuple[How, ...] = get_args(How)
MOST_CHANGES = 8
KINDS = {"device": SpinDiode, "bus": BusCircuit, "plan": PlanOptions}
STRUCTURE = {"bus": ("combining", "groups"), "plan": ("tile", "fanout", "assign", "levels", "scale", "gain_range")}
OF_CHANNELS = ("f_min", "f_max", "fill", "reach", "ends")  # of [plan]: what only planning and programming read
HIGHEST = 1e13  # Hz, of a resonance
OF_FILTERS, OF_COIL = "filter_", "transformer_"


@dataclass(frozen=True, slots=True)
class Change:
    """What is another one."""

    values: Mapping[str, float | int] = field(default_factory=dict, hash=False)  # by SECTION.NAME
    how: How = "built"
    shift: tuple[int, float] | None = None  # resonator, and by how much its resonance is moved, Hz


def changeable(circuit: BusCircuit, values: Mapping[str, Any]) -> list[str]:
    """Names, SECTION.NAME, of what may be changed: what keeps the structure and matters in such a circuit."""
    coil = values.get("bus.transformer", circuit.transformer) != 1
    found = []
    for section, kind in KINDS.items():
        for name in parameters_of(kind):
            idle = section == "bus" and (
                (name.startswith(OF_FILTERS) and circuit.combining != "multiplexer")
                or (name.startswith(OF_COIL) and not coil)
            )
            if name not in STRUCTURE.get(section, ()) and not idle:
                found.append(f"{section}.{name}")
    return found


def parse_change(design: Design, words: list[str], how: str, shift: str | None = None) -> Change:
    """A change from what somebody wrote: "device.damping=0.02", and "3:12 MHz" for resonator 3. Raises InputError."""
    if how not in HOWS:
        raise InputError(f"how = {how[:40]!r}; possible: {', '.join(HOWS)}")
    if len(words) > MOST_CHANGES:
        raise InputError(f"{len(words)} changes; possible: {MOST_CHANGES} at once")
    values: dict[str, float | int] = {}
    texts = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or key in texts:
            raise InputError(f"set = {word[:60]!r}; possible: SECTION.NAME=VALUE, each once")
        texts[key] = text
    named = {"bus.transformer": 0.0} if "bus.transformer" in texts else {}
    known = changeable(design.plan.circuit, named)
    for key, text in texts.items():
        section, _, name = key.partition(".")
        if key not in known:
            raise InputError(f"{key[:60]!r}: no parameter that may be changed here; possible: {', '.join(known)}")
        if how == "built" and section == "plan" and name in OF_CHANNELS:
            raise InputError(f"{key}: is built into channels and resonances; possible: how = anew")
        values[key] = parse(text, known_parameter(KINDS[section], name, section), section)
    return Change(values, how, None if shift is None else _shift(shift))


def _shift(text: str) -> tuple[int, float]:
    from resonet.core.numbers import read_number

    number, colon, value = text.partition(":")
    if not (colon and number.isascii() and number.isdigit() and len(number) < 6):
        raise InputError(f"shift = {text[:60]!r}; possible: RESONATOR:FREQUENCY, such as 3:12 MHz")
    try:
        return int(number), read_number(value, "Hz")
    except ValueError as error:
        raise InputError(f"shift = {text[:60]!r}: {error}; possible: RESONATOR:FREQUENCY, such as 3:12 MHz") from None


def _plan(plan: FrequencyPlan, values: Mapping[str, float | int]) -> FrequencyPlan:
    """A plan with other parameters; its layers are those of before."""
    made: dict[str, Any] = {"device": plan.device, "bus": plan.circuit, "plan": plan.options}
    for section in made:
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{section}.")}
        made[section] = replace(made[section], **own)
    return FrequencyPlan(made["device"], made["bus"], made["plan"], plan.layers)


def _programmed(state: ChainState, fill: float) -> Array:
    """Resonances of the bus, Hz [chains, resonators], by the chain's program and the state's parameters."""
    entry, device, bus = state.alone, state.plan.device, state.bus
    if state.chosen.program == "formula":
        goal = bus_weights(entry, bus) * layer_unit(entry, fill)
        detuning = detuning_for_weight(solver_chains(bus, device).alone(goal))
        return resonance_for_detuning(bus.frequencies, detuning, device.damping)
    profile = None
    if state.chosen.program == "calibrated":  # as the linear engine explains itself to the solver
        profile = np.broadcast_to(
            0.5 * device.resistance * state.divider * state.powers, (bus.size[0], *state.powers.shape)
        )
    (solved,) = solve_layer(entry, device, fill, [profile])
    return resonance_for_detuning(bus.frequencies, solved.detuning, device.damping)


def _anew(before: ChainState, plan: FrequencyPlan) -> ChainState:
    """The chain planned and programmed with other parameters."""
    if before.chosen.program not in ("formula", "coupled", "calibrated"):
        raise InputError(f"program {before.chosen.program}: not of one chain; possible: formula, coupled, calibrated")
    bus = replanned_bus(before.bus, before.entry.layer, plan)
    entry = LayerPlan(before.entry.layer, tuple(bus if one is before.bus else one for one in before.entry.buses))
    largest = float(np.abs(before.entry.layer.matrix).max())
    lowered = before.scale * largest / before.plan.device.sensitivity / before.plan.options.fill if largest else 1.0
    fill = plan.options.fill * lowered
    scale = layer_unit(entry, fill) * plan.device.sensitivity
    state = ChainState(before.chosen, plan, entry, bus, before.f_res, scale)
    return ChainState(before.chosen, plan, entry, bus, _programmed(state, fill), scale)


def kept_sources(bus: Bus, old: FrequencyPlan, new: FrequencyPlan) -> Bus:
    """A bus with other parameters whose sources keep their EMF, whatever reaches the bus of it."""
    kept = np.abs(bus_gains(bus, new.device, new.circuit) / bus_gains(bus, old.device, old.circuit))
    return replace(bus, levels=bus.levels * kept)


def _built(before: ChainState, plan: FrequencyPlan) -> ChainState:
    """The chain as it stands, with other parameters."""
    bus = kept_sources(before.bus, before.plan, plan)
    entry = LayerPlan(before.entry.layer, tuple(bus if one is before.bus else one for one in before.entry.buses))
    return ChainState(before.chosen, plan, entry, bus, before.f_res, before.scale)


def changed_state(design: Design, chosen: Chosen, change: Change) -> ChainState:
    """The chain with a change. Raises InputError; gives the warnings of validity that the new parameters deserve."""
    before = chain_state(design, chosen)
    plan = _plan(design.plan, change.values)
    state = before
    if change.values:
        state = _anew(before, plan) if change.how == "anew" else _built(before, plan)
        check_tone_power(plan.device, plan.options.p_max)
        check_source_power(replace(plan, layers=(state.alone,)), design.parameters.neuron.p1db)
    if change.shift is not None:
        number, moved = change.shift
        if number >= state.bus.size[1]:
            raise InputError(f"shift: no resonator {number}; possible: 0 ... {state.bus.size[1] - 1}")
        f_res = state.f_res.copy()
        f_res[chosen.chain, number] += moved
        if not 0 < (found := float(f_res[chosen.chain, number])) < HIGHEST:
            raise InputError(f"shift = {moved:g} Hz: resonance at {found:g} Hz; possible: 0 ... {HIGHEST:g} Hz")
        state = replace(state, f_res=f_res)
    return state
