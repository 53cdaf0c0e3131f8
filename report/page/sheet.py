"""The data sheet of a design in Markdown: minimum, typical and largest value of what was measured."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from resonet.core.numbers import small_percent
from resonet.core.text import visible
from resonet.cosim.montecarlo.limits import QUANTITIES
from resonet.report.page.facts import Facts
from resonet.report.page.units import si
from resonet.report.page.verdict import judge, overall, value_text

__all__ = ["data_sheet"]

Row = tuple[str, str, str, str, str]  # parameter, condition, min, typ, max


def _plain(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", visible(text).replace("&", "&amp;").replace("<", "&lt;"))


def _of(values: list[float | None], unit: str) -> tuple[str, str, str] | None:
    """Smallest, median and largest of what is known."""
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return None
    low, middle, high = (float(end) for end in (known.min(), np.median(known), known.max()))
    if unit == "dB":
        return f"{low:.3f} dB", f"{middle:.3f} dB", f"{high:.3f} dB"
    return si(low, unit, 4), si(middle, unit, 4), si(high, unit, 4)


def _network(facts: Facts) -> Iterator[Row]:
    for one in judge(facts):
        if one.value is not None and not one.name.startswith("S-parameters"):
            at_least, at_most = (one.limit if sign in one.limit else "" for sign in "≥≤")
            told = f"{one.how}; limit {at_least or at_most}, {one.state}" if one.limit != "-" else one.how
            yield one.name, told, "", one.found, ""


def _chips(facts: Facts) -> Iterator[Row]:
    run = next((run for run in facts.runs if run.command == "montecarlo" and run.answer.get("quantities")), None)
    for row in run.answer["quantities"] if run else ():
        quantity = QUANTITIES[row["quantity"]]
        least, typical, most = (value_text(quantity, row[key]) for key in ("least", "median", "most"))
        count = len(run.answer["chips"]) if run else 0
        yield quantity.text, f"{count:,} chips, {row['level'] or 'as designed'}", least, typical, most


def _layer(facts: Facts, layer: str) -> Iterator[Row]:
    entry = facts.design.plan.layer(layer)
    if facts.design.feed(layer) == "bus":
        f = np.concatenate([bus.frequencies for bus in entry.buses])
        yield "channels", f"{len(entry.buses)} buses", *(_of(f.tolist(), "Hz") or ("", "", ""))
        f_res = np.concatenate([own.ravel() for own in facts.design.program(facts.program).layer(layer).f_res])
        yield "resonance frequencies", f"program {facts.program}", *(_of(f_res.tolist(), "Hz") or ("", "", ""))
    for method, own in facts.weights.items():
        if (held := own.get(layer)) is not None:
            largest = float(np.abs(held.error).max())
            told = f"program {method}, part of the largest weight; typ: RMS"
            yield "weight error", told, "", small_percent(held.rms_error), small_percent(largest)
            if held.worst is not None:
                yield "crosstalk", f"program {method}, {held.worst.where}", "", "", f"{held.worst.level:.1f} dB"
    yield from _noise(facts, layer)
    if (run := facts.sheet(layer)) is not None:
        yield from _metrics(run.answer["metrics"], run.answer["program"])


def _noise(facts: Facts, layer: str) -> Iterator[Row]:
    run = next((run for run in facts.runs if run.command == "levels"), None)
    budget = next((one for one in run.answer["levels"]["budgets"] if one["layer"] == layer), None) if run else None
    if run is None or budget is None:
        return
    told = f"program {run.answer['program']}, in {si(budget['bandwidth'], 'Hz')}, "
    told += f"most of it {budget['dominant'] or 'none'}"
    yield "noise at the neurons, rms", told, "", si(budget["noise"], "V"), ""
    for name, key, unit in (("signal to noise", "snr", " dB"), ("effective bits", "enob", "")):
        if budget[key] is not None:
            worst = min((one[key] for one in budget["neurons"] if one[key] is not None), default=budget[key])
            yield name, "typ: all neurons; min: the worst", f"{worst:.1f}{unit}", f"{budget[key]:.1f}{unit}", ""


def _metrics(metrics: Mapping[str, Any], program: str) -> Iterator[Row]:
    """What the data sheet of S-parameters holds, over the channels of the bus."""
    told = f"bus {metrics['bus']}, program {program}, by {metrics['engine']}"
    tables = [
        (name, values, metrics["units"].get(name))
        for part in ("channels", "resonances")
        for name, values in metrics[part].items()
    ]
    tables += [(name, metrics[name], metrics["units"].get(name)) for name in ("isolation", "rejection")]
    for name, values, unit in tables:
        if unit is not None and name not in ("frequency", "wanted") and (ends := _of(values, unit)) is not None:
            yield name.replace("_", " "), told, *ends


def _table(rows: Iterator[Row]) -> list[str]:
    lines = ["| parameter | condition | min | typ | max |", "|---|---|---:|---:|---:|"]
    return lines + ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]


def data_sheet(facts: Facts) -> str:
    """Markdown; the same facts give the same text."""
    _, headline = overall(judge(facts))
    lines = [f"# Data sheet: {_plain(facts.design.cnn.file)}", "", _plain(headline) + ".", "", "## Network", ""]
    lines += _table(_network(facts))
    chips = list(_chips(facts))
    if chips:
        lines += ["", "## Chips with spread", "", *_table(iter(chips))]
    for layer in facts.layers:
        lines += ["", f"## Layer {_plain(layer)}", "", *_table(_layer(facts, layer))]
    missing = [one for one in judge(facts) if one.value is None]
    if missing:
        lines += ["", "## Not computed", ""]
        lines += [
            f"- {_plain(one.name)}: {_plain(one.state)}; `{visible(one.command).replace('`', '')}`" for one in missing
        ]
    lines += ["", "## Provenance", ""] + [f"- {_plain(name)}: {_plain(value)}" for name, value in facts.provenance]
    return "\n".join(lines) + "\n"
