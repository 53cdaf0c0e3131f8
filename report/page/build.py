"""From what is known of a design to the sections of its page."""

import base64
from collections.abc import Iterator

from resonet.core.numbers import percent
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.report.page.blocks import Block, Image, Missing, Page, Section, Table
from resonet.report.page.chips import accuracy_plot, chips_plot, chips_table, crossbar_plot, networks_table
from resonet.report.page.facts import Drawing, Facts, Told
from resonet.report.page.frequencies import buses_table, detuning_plot, levels_of_ports, plan_plot, smith_plot
from resonet.report.page.schematic import chain_schematic
from resonet.report.page.signals import budget_plot, levels_plot
from resonet.report.page.units import si
from resonet.report.page.verdict import Judged, chip_yield, chips_run, judge, overall
from resonet.report.page.weights import causes_plot, crosstalk_plot, error_plot, errors_plot

__all__ = ["page_of"]


def page_of(facts: Facts) -> Page:
    """The whole page."""
    judged = judge(facts)
    state, headline = overall(judged)
    layers = [_layer(facts, n, entry) for n, entry in enumerate(facts.design.plan.layers)]
    sections = (
        Section("network", "Network", tuple(_network(facts, judged))),
        *layers,
        Section(
            "warnings",
            "Warnings",
            (_warnings(facts.warnings, "Warnings of validity, of the last run of each command"),),
        ),
        Section("stale", "Stale results", (_stale(facts),)) if facts.stale else None,
        Section("provenance", "Provenance", tuple(_provenance(facts))),
    )
    cnn = facts.design.cnn
    resonators = sum(entry.resonators for entry in facts.design.plan.layers)
    subtitle = f"{len(layers)} layers, {resonators:,} resonators in one copy of the kernels, program {facts.program}"
    return Page(cnn.file, subtitle, state, headline, judged, tuple(one for one in sections if one is not None))


def _missing(facts: Facts, what: str, key: str) -> Missing:
    """What is not there, with the command that makes it; and why, where it is stale."""
    command = facts.commands[key]
    word = command.split()[1]
    old = next((one for one in facts.stale if one.command == word), None)
    return Missing(what, command, old.why if old else "")


def _network(facts: Facts, judged: tuple[Judged, ...]) -> Iterator[Block]:
    """What is of the whole network."""
    if (plot := accuracy_plot(judged)) is not None:
        yield plot
    rows = tuple(
        (
            entry.layer.name,
            entry.layer.kind,
            facts.design.feed(entry.layer.name),
            f"{entry.chains:,}",
            f"{entry.resonators:,}",
            str(entry.channels),
            f"{len(entry.buses):,}",
            f"{entry.layer.positions:,}",
        )
        for entry in facts.design.plan.layers
    )
    heads = ("layer", "kind", "feed", "chains", "resonators", "channels", "buses", "positions")
    yield Table("Layers, one copy of the kernels", heads, rows, words=(0, 1, 2))
    yield from _chips(facts)
    crossbar = next((run for run in facts.runs if run.command == "crossbar" and "networks" in run.answer), None)
    if crossbar is None:
        yield _missing(facts, "Comparison with resistive crossbars", "crossbar")
    else:
        yield networks_table(crossbar.answer)


def _chips(facts: Facts) -> Iterator[Block]:
    if (run := chips_run(facts)) is None and facts.design.fed_by("stripline"):
        return  # montecarlo is of buses only
    if run is None:
        yield _missing(facts, "Chips with spread: histograms, min, typ, max, yield", "montecarlo")
        return
    for name in ("accuracy", "noisy", "weight_error", "crosstalk"):
        if name in run.answer["values"]:
            yield chips_plot(run.answer, name, facts.limits.get(name))
    yield chips_table(run.answer)
    if (found := chip_yield(facts)) is not None:
        share, limits, _ = found
        rows = (
            ("chips that pass", f"{share.passed} of {share.chips}"),
            ("yield", percent(share.share, 1)),
            *(
                (f"{name}, {100 * share.confidence:g} %", f"{percent(ends.low, 1)} ... {percent(ends.high, 1)}")
                for name, ends in (("Clopper-Pearson", share.exact), ("Wilson", share.wilson))
            ),
        )
        yield Table(f"Yield: {', '.join(limit.text for limit in limits)}", ("what", "value"), rows)


def _layer(facts: Facts, number: int, entry: LayerPlan) -> Section:
    """Everything about one layer."""
    layer, name = entry.layer.name, f"layer{number}"
    on_bus = facts.design.feed(layer) == "bus"
    parts = []
    if on_bus:
        program = facts.design.program(facts.program).layer(layer)
        plan = (
            chain_schematic(name, facts.design, entry, facts.program),
            plan_plot(name, entry, program),
            detuning_plot(name, entry, program, facts.program),
        )
        parts.append(Section(f"{name}-feed", "Schematic and frequency plan", (*plan, buses_table(entry))))
    parts += [
        Section(f"{name}-layout", "Layout", tuple(_layout(facts, layer))),
        Section(f"{name}-weights", "Weights and crosstalk", tuple(_weights(facts, name, entry))),
        *([Section(f"{name}-ports", "S-parameters", tuple(_ports(facts, name, layer)))] if on_bus else []),
        Section(f"{name}-signals", "Levels and noise", tuple(_signals(facts, name, layer))),
        Section(f"{name}-crossbar", "Resistive crossbar", tuple(_crossbar(facts, name, layer))),
    ]
    own = [one for one in facts.warnings if _is_about(one, layer)]
    if own:
        parts.append(
            Section(f"{name}-warnings", "Warnings", (_warnings(tuple(own), f"{layer}: warnings of validity"),))
        )
    lead = f"{entry.layer.kind} on {'RF buses' if on_bus else 'strip lines'}: {entry.chains:,} chains"
    lead += f", {entry.resonators:,} resonators, {entry.layer.positions:,} positions"
    least, mean = entry.carries
    if on_bus and least < 1:
        lead += f"; full tones of {percent(least)} ... 100 % of p_max, {percent(mean)} on the average (plan.levels)"
    return Section(name, layer, (), tuple(parts), lead)


def _is_about(warning: Told, layer: str) -> bool:
    return f"layer {layer}:" in warning.text or f"layer {layer}," in warning.text


def _layout(facts: Facts, layer: str) -> Iterator[Block]:
    drawings = [one for one in facts.drawings if one.layer == layer]
    if not drawings:
        yield _missing(facts, f"Strip-line layout of {layer}: drawing, area, lengths, crossings", f"layout {layer}")
    for one in drawings:
        yield _drawn(one)
        if one.rows:
            yield Table(f"{layer}, {one.arrangement}: figures of the layout", ("what", "value"), one.rows, folded=True)


def _drawn(one: Drawing) -> Image:
    told = ", ".join(f"{name} {value}" for name, value in one.rows)
    data = "data:image/png;base64," + base64.b64encode(one.png).decode()
    title = f"{one.layer}: strip-line layout, {one.arrangement}"
    return Image(title, f"{title}: the whole layer, a window with metals at true width, the stack. {told}", data)


def _weights(facts: Facts, name: str, entry: LayerPlan) -> Iterator[Block]:
    layer = entry.layer.name
    held = {method: own[layer] for method, own in facts.weights.items() if layer in own}
    if not held:
        old = next((one for one in facts.stale if one.what.startswith(f"effective weights, {layer},")), None)
        what = f"Trained against effective weights and crosstalk of {layer}"
        yield Missing(what, facts.commands[f"crosstalk {layer}"], old.why if old else "")
    else:
        shown = held.get(facts.program) or list(held.values())[-1]
        yield error_plot(name, shown)
        yield errors_plot(name, layer, held)
        if shown.crosstalk:
            yield crosstalk_plot(name, shown, entry)
    causes = facts.last("sneak", layer=layer)
    if causes is None:
        yield _missing(facts, f"Causes of the weight error of {layer}", f"sneak {layer}")
    else:
        yield causes_plot(name, layer, causes.answer["program"], causes.answer["causes"])


def _ports(facts: Facts, name: str, layer: str) -> Iterator[Block]:
    ports = next((one for one in facts.chains if one.layer == layer), None)
    if ports is None:
        yield _missing(facts, f"S-parameters of a chain of {layer}, Smith chart", f"sparams {layer}")
    else:
        yield from levels_of_ports(name, ports)
        yield smith_plot(name, ports)
    run = facts.sheet(layer)
    if run is None:
        yield _missing(facts, f"Data sheet of the channels of {layer}, against [limits]", f"metrics {layer}")
        return
    words = {True: "pass", False: "FAIL", None: "not judged"}
    rows = tuple(
        (
            row["name"],
            _with_unit(row["found"], row["unit"]),
            "-" if row["passed"] is None else f"at {row['side']} {_with_unit(row['limit'], row['unit'])}",
            words[row["passed"]],
        )
        for row in run.answer["metrics"]["limits"]
    )
    yield Table(f"{layer}: S-parameters against [limits]", ("limit", "found", "allowed", "verdict"), rows, words=(0, 3))


def _with_unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.4g} dB" if unit == "dB" else si(value, unit, 4)


def _signals(facts: Facts, name: str, layer: str) -> Iterator[Block]:
    run = facts.last("levels")
    plots = []
    if run is not None:
        levels = run.answer["levels"]
        told = f"program {run.answer['program']}, {run.answer['resonators']} resonators"
        plots = [levels_plot(name, layer, told, levels), budget_plot(name, layer, told, levels["budgets"])]
    found = [plot for plot in plots if plot is not None]
    if not found:
        yield _missing(facts, f"Level diagram and noise budget of {layer}", "levels")
    yield from found


def _crossbar(facts: Facts, name: str, layer: str) -> Iterator[Block]:
    for run in facts.runs:
        rows = run.answer.get("layers", ()) if run.command == "crossbar" else ()
        row = next((one for one in rows if one["layer"] == layer), None)
        if row is not None:
            yield crossbar_plot(name, row)
            return
    yield _missing(facts, f"The weights of {layer} in resistive crossbars", "crossbar")


def _warnings(found: tuple[Told, ...], caption: str) -> Table:
    rows = tuple(
        (one.code, f"resonet {one.command}", one.text, _value(one.value, one.unit), _value(one.limit, one.unit))
        for one in found
    )
    note = "" if rows else "No command left a warning."
    heads = ("code", "command", "what", "value", "limit")
    return Table(caption, heads, rows, words=(0, 1, 2), note=note)


def _value(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}".strip() if not unit or unit.startswith("dB") else si(value, unit, 4)


def _stale(facts: Facts) -> Table:
    rows = tuple((one.what, one.why, one.again) for one in facts.stale)
    note = "Their numbers stand nowhere on this page."
    return Table("Results that no longer hold", ("result", "why", "again"), rows, words=(0, 1, 2), note=note)


def _provenance(facts: Facts) -> Iterator[Block]:
    yield Table("Versions, hashes, engines, witnesses", ("what", "which"), facts.provenance, words=(0, 1))
    runs = tuple((run.date, run.words) for run in facts.runs)
    if runs:
        yield Table("Commands whose numbers stand here", ("date", "command"), runs, words=(0, 1))
    rows = facts.parameters
    heads = ("table", "parameter", "value", "what it is")
    yield Table("Parameters of the design", heads, rows, words=(0, 1, 3), folded=True)
