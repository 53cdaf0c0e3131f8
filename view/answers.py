"""Answers to the page's questions, from a checked query: what JSON can hold."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from resonet.core.errors import InputError
from resonet.core.parameters import possible_values, quantity
from resonet.core.text import visible
from resonet.cosim.fixed_step.transients import TRANSIENT_ENGINES
from resonet.netlist.design.design import Design
from resonet.report.page.blocks import Plot
from resonet.view.chain import ChainState, Chosen, chain_state, choose, programs_of, scattering
from resonet.view.change import HOWS, KINDS, OF_CHANNELS, Change, changeable, changed_state, parse_change
from resonet.view.plots import chain_plots, figures, levels_plots, rows, waveform_plots
from resonet.view.query import Query
from resonet.view.studies import quantities, study_plots
from resonet.view.waveform import MOST_RESONATORS, waveform

if TYPE_CHECKING:
    from resonet.view.watch import Watch

__all__ = ["chain_answer", "design_answer", "study_answer", "wave_answer"]

MOST_BUSES = 2000  # of a layer that are listed
BIAS = 0.5  # of the threshold current, that shows the resonances in the S-parameters
DESIGNED = "as designed"


def _plot(plot: Plot) -> dict[str, Any]:
    return {"name": plot.name, "title": visible(plot.title), "alt": visible(plot.alt), "spec": plot.spec}


def design_answer(query: Query, design: Design) -> dict[str, Any]:
    """What may be picked, and what may be changed with its unit, range and value."""
    del query
    layers = []
    for name in design.fed_by("bus"):
        entry = design.plan.layer(name)
        buses = [{"name": visible(bus.name), "chains": bus.size[0], "size": bus.size[1]} for bus in entry.buses]
        layers.append({"name": name, "kind": entry.layer.kind, "buses": buses[:MOST_BUSES], "all": len(buses)})
    circuit, parameters = design.plan.circuit, []
    for key in changeable(circuit, {}):
        section, _, name = key.partition(".")
        spec = next(spec for spec in fields(KINDS[section]) if spec.name == name)
        value = getattr(getattr(design.parameters, section), name)
        parameters.append(
            {
                "name": key,
                "value": str(quantity(value, spec.metadata["unit"])),
                "doc": spec.metadata["doc"],
                "possible": possible_values(spec),
                "anew": section == "plan" and name in OF_CHANNELS,
            }
        )
    lines = [visible(name) for name in design.fed_by("stripline")]
    bias = quantity(BIAS * design.plan.device.threshold_current, "A")
    found = {"layers": layers, "lines": lines, "programs": programs_of(design), "parameters": parameters}
    return found | {"hows": list(HOWS), "engines": list(TRANSIENT_ENGINES), "bias": bias, "most": MOST_RESONATORS}


def _asked(query: Query, design: Design) -> tuple[Chosen, Change, ChainState, list[tuple[str, ChainState]]]:
    """The chain that a query names, the change, and its states: as designed, and with the change if there is one."""
    chain = query.whole("chain", 0, 10**6)
    chosen = choose(design, query.text("layer"), query.text("bus"), chain, query.text("program"))
    change = parse_change(design, query.texts("set"), query.text("how") or "built", query.text("shift"))
    before = chain_state(design, chosen)
    states = [(DESIGNED, before)]
    if change.values or change.shift:
        states.append(("changed", changed_state(design, chosen, change)))
    return chosen, change, before, states


def chain_answer(query: Query, design: Design) -> dict[str, Any]:
    """A chain: weights, errors, detunings, one resonator, S-parameters; before and after a change."""
    chosen, _, before, states = _asked(query, design)
    picked = query.whole("resonator", 0, before.bus.size[1] - 1) or 0
    limit = 10 * design.plan.device.threshold_current
    bias = query.number("bias", "A", -limit, limit, 0.0)
    found = [scattering(state, bias) for _, state in states]
    plots = [*chain_plots(states, picked), *levels_plots(states, found, bias)]
    own = [rows(state, picked) for _, state in states]
    resonator = [[first[0], *(each[n][1] for each in own)] for n, first in enumerate(own[0])]
    weights = [[float(value) for value in state.effective] for _, state in states]
    title = f"{chosen.layer}, bus {chosen.bus}, chain {chosen.chain} (neuron {before.neuron}), program {chosen.program}"
    return {
        "title": visible(title),
        "states": [name for name, _ in states],
        "figures": figures(states),
        "resonator": resonator,
        "picked": picked,
        "effective": weights,
        "resonances": [[float(f) for f in state.resonances] for _, state in states],
        "plots": [_plot(plot) for plot in plots],
    }


def wave_answer(query: Query, design: Design) -> dict[str, Any]:
    """The output of a chain over time, with the change if there is one."""
    _, change, before, states = _asked(query, design)
    size = before.bus.size[1]
    found = waveform(
        before,
        states[-1][1],
        change.how if change.values else "built",
        query.number("activation", "", 0.0, 1.0, 1.0),
        query.whole("resonators", 1, min(size, MOST_RESONATORS)),
        query.choice("engine", TRANSIENT_ENGINES, "fixed_step"),
    )
    return {
        "plots": [_plot(plot) for plot in waveform_plots(found)],
        "output": found.output,
        "expected": found.expected,
        "full_scale": found.full_scale,
        "engine": found.engine,
        "seconds_engine": round(found.seconds, 2),
    }


def study_answer(query: Query, watch: "Watch") -> dict[str, Any]:
    """A quantity of a study so far. Raises InputError for a study or a quantity that is not there."""
    with watch.lock:
        name = query.text("name") or ""
        study = watch.studies.get(name)
        if study is None:
            known = ", ".join(watch.studies) or "none yet"
            raise InputError(f"study {name[:60]!r}; possible: {known}")
        known_ones = quantities(study)
        asked = query.text("quantity")
        names = {" · ".join(path): path for path in known_ones}
        if asked is not None and asked not in names:
            raise InputError(f"quantity {asked[:60]!r}; possible: {', '.join(list(names)[:20]) or 'none yet'}")
        chosen = asked or next(iter(names), None)
        plots = study_plots(study, names[chosen]) if chosen else []
        return {
            "name": name,
            "version": study.version,
            "quantity": chosen and visible(chosen),
            "quantities": [visible(one) for one in names],
            "plots": [_plot(plot) for plot in plots],
        }
