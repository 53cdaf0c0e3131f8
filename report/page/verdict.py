"""The verdict: what was found of a network, against what its design asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from resonet.core.numbers import percent, small_percent
from resonet.cosim.montecarlo.limits import ACCEPTED, QUANTITIES, Limit, Quantity
from resonet.cosim.montecarlo.yields import Yield, yield_of
from resonet.netlist.chips.spread import QUANTITIES as SPREADS
from resonet.report.page.facts import Facts, Run
from resonet.report.page.units import si

__all__ = ["Judged", "State", "chip_level", "chip_yield", "chips_run", "judge", "overall", "value_text"]

State = Literal["pass", "fail", "no limit", "not computed", "stale"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One line of the verdict."""

    name: str
    value: float | None  # SI, as it is stored
    found: str  # for people
    limit: str
    state: State
    how: str  # under which conditions it was found
    command: str  # that found it, or would


@dataclass(frozen=True, slots=True)
class _Found:
    value: float
    how: str
    words: str


def value_text(quantity: Quantity, value: float | None) -> str:
    """A value for people."""
    if value is None or not np.isfinite(value):
        return "-"
    if quantity.unit:
        return f"{value:.1f} dB" if quantity.unit == "dB" else si(value, quantity.unit, 4)
    return small_percent(value) if "error" in quantity.name else percent(value)


def _limit_text(limit: Limit | None) -> str:
    if limit is None:
        return "-"
    return limit.text.removeprefix(f"{limit.quantity} ").replace(">=", "≥").replace("<=", "≤").replace(" u", " µ")


def _of_images(count: object) -> str:
    return f"{count:,} images" if isinstance(count, int) else "images"


def _whose(run: Run) -> str:
    """Whose the weights are, where it is not the default."""
    engine = run.answer.get("engine", "auto")
    return "" if engine == "auto" else f", weights by engine {engine}"


def _accuracy_run(facts: Facts) -> Run | None:
    """The last run of accuracy of the design itself, without saturation, with the program that is judged."""
    for run in facts.runs:
        table = run.answer.get("accuracy")
        known = isinstance(table, Mapping) and f"circuit_{facts.program}" in table
        if run.command in ("accuracy", "demo") and known and "chip" not in run.answer:
            return run
    return None


def _software(facts: Facts) -> _Found | None:
    run = _accuracy_run(facts) or facts.last("accuracy")
    if run is None:
        return None
    table = run.answer["accuracy"]
    return _Found(table["software"], f"trained network, {_of_images(table.get('images'))}", run.words)


def _circuit(facts: Facts) -> _Found | None:
    if (run := _accuracy_run(facts)) is None:
        return None
    table = run.answer["accuracy"]
    how = f"program {facts.program}, without noise, {_of_images(table.get('images'))}{_whose(run)}"
    return _Found(table[f"circuit_{facts.program}"], how, run.words)


def _point(at: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{si(at[name], unit)}{more}"
        for name, unit, more in (("p_max", "W", " a tone"), ("bandwidth", "Hz", ""), ("temperature", "K", ""))
        if name in at
    )


def _noisy(facts: Facts) -> _Found | None:
    run = _accuracy_run(facts)
    noise = run.answer.get("noise", {}) if run else {}
    row = noise.get("programs", {}).get(facts.program)
    if run is None or row is None:
        return None
    how = f"program {facts.program}, linear resonators, {_point(noise.get('operating_point', {}))}"
    return _Found(row["mean"], f"{how}, {_of_images(row.get('images'))}{_whose(run)}", run.words)


def _saturating(facts: Facts) -> _Found | None:
    p_max = facts.design.plan.options.p_max
    for run in facts.runs:
        table = run.answer.get("accuracy", {}) if run.command == "accuracy" else {}
        rows = [row for row in table.get("saturating", ()) if row["p_max"] == p_max and "noise" in row]
        if rows and table.get("program") in (facts.program, "fitted"):
            row = rows[-1]
            told = dict.fromkeys((table["program"], row["variant"]))
            how = f"program {', '.join(told)}, {si(p_max, 'W')} a tone"
            return _Found(
                row["noise"]["mean"], f"{how}, {_of_images(row['noise'].get('images'))}{_whose(run)}", run.words
            )
    return None


def chip_level(answer: Mapping[str, Any]) -> str:
    """The most that was done to the chips of a run of montecarlo: programmed, gain or calibrated."""
    return str(answer["run"]["levels"][-1])


def chips_run(facts: Facts) -> Run | None:
    """The last run of montecarlo whose chips have values."""
    return next((run for run in facts.runs if run.command == "montecarlo" and run.answer.get("values")), None)


def _of_chips(run: Run, name: str) -> list[float]:
    """Values of a quantity, chip by chip."""
    table = run.answer["values"].get(name, {})
    return list(table.get(chip_level(run.answer), table.get("all", ())))


def _drawn(run: Run) -> str:
    given = run.answer["run"]["spread"]
    told = ", ".join(f"{name} {100 * given[name]:g} %" for name in SPREADS if given.get(name))
    options = run.answer["run"]
    more = f"; {Path(options['data']).name}" if options.get("data") else ""
    more += f"; corner {options['corner']}" if options["corner"] != "tt" else ""
    more += "; saturating resonators" if options["resonators"] == "saturating" else ""
    return f"{len(run.answer['chips']):,} chips, {chip_level(run.answer)}; spread {told}{more}"


def _spread(facts: Facts) -> _Found | None:
    run = chips_run(facts)
    values = _of_chips(run, "accuracy") if run else []
    if run is None or not values:
        return None
    low, high = np.percentile(values, [5, 95])
    how = f"median; 5 ... 95 % of chips {percent(float(low))} ... {percent(float(high))}; {_drawn(run)}"
    return _Found(float(np.median(values)), how, run.words)


def chip_yield(facts: Facts) -> tuple[Yield, tuple[Limit, ...], Run] | None:
    """Yield against the limits of the design as they are, of the last run; None where nothing can be held."""
    run = chips_run(facts)
    if run is None:
        return None
    kept = tuple(limit for name, limit in facts.limits.items() if name in QUANTITIES and _of_chips(run, name))
    if not kept:
        return None
    passes = np.all([limit.passes(np.asarray(_of_chips(run, limit.quantity), float)) for limit in kept], axis=0)
    return yield_of(np.asarray(passes)), kept, run


def _passing(facts: Facts) -> _Found | None:
    if (found := chip_yield(facts)) is None:
        return None
    share, limits, run = found
    ends = f"95 %: {percent(share.exact.low, 1)} ... {percent(share.exact.high, 1)}"
    kept = ", ".join(limit.text for limit in limits)
    return _Found(share.share, f"{share.passed} of {share.chips} chips keep {kept}; {ends}; {_drawn(run)}", run.words)


def _weights(facts: Facts, name: str) -> _Found | None:
    held = facts.weights.get(facts.program, {})
    if set(held) != set(facts.layers):
        return None
    values: dict[str, float] = {}
    for layer, weights in held.items():
        if name == "crosstalk":
            if weights.worst is not None:
                values[layer] = weights.worst.level
        else:
            values[layer] = weights.rms_error if name == "weight_error" else float(np.abs(weights.error).max())
    if not values:
        return None
    worst = max(values, key=lambda layer: values[layer])
    how = f"program {facts.program}, layer {worst}"
    if name == "crosstalk" and (worst_of := held[worst].worst) is not None:
        how += f", {worst_of.where}; against K_SD P"
    elif name != "crosstalk":
        how += ", part of its largest weight"
    return _Found(values[worst], how, facts.commands["crosstalk"])


def _run(facts: Facts, name: str) -> _Found | None:
    for run in facts.runs:
        value = run.answer.get(name) if run.command == "run" else None
        value = value.get("total") if isinstance(value, Mapping) else value
        if value is not None:
            return _Found(float(value), f"image {run.answer['image']}, parallel hardware, by run", run.words)
    chips = chips_run(facts)
    values = _of_chips(chips, name) if chips else []
    return _Found(float(np.median(values)), f"median; {_drawn(chips)}", chips.words) if chips and values else None


FINDERS = {"software": _software, "accuracy": _circuit, "noisy": _noisy, "saturating": _saturating}
FINDERS |= {"spread": _spread, "passing": _passing}
NAMES = {
    "software": "Accuracy, software",
    "accuracy": "Accuracy, circuit",
    "noisy": "Accuracy, circuit with noise",
    "saturating": "Accuracy, with noise and saturation",
    "spread": "Accuracy, with spread",
    "passing": "Yield",
    "weight_error": "RMS weight error, worst layer",
    "worst_error": "Largest weight error",
    "crosstalk": "Worst crosstalk",
    "energy": "Energy of an image",
    "latency": "Latency of an image",
}
OF_CHIPS = ("spread", "passing")
COMMAND_OF = {"weight_error": "crosstalk", "worst_error": "crosstalk", "energy": "run", "latency": "run"}
COMMAND_OF |= {"software": "accuracy", "accuracy": "accuracy", "noisy": "accuracy", "crosstalk": "crosstalk"}
COMMAND_OF |= {"saturating": "saturating", "spread": "montecarlo", "passing": "yield"}


def _found(facts: Facts, name: str) -> _Found | None:
    if name in FINDERS:
        return FINDERS[name](facts)
    return _weights(facts, name) if name in ("weight_error", "worst_error", "crosstalk") else _run(facts, name)


def _judged(facts: Facts, name: str) -> Judged:
    limit, quantity = facts.limits.get(name), (QUANTITIES | ACCEPTED)[name]
    found = _found(facts, name)
    if found is None and name in OF_CHIPS and facts.design.fed_by("stripline"):
        return Judged(NAMES[name], None, "-", _limit_text(limit), "not computed", "of designs on buses only", "")
    if found is None:
        word = facts.commands[COMMAND_OF[name]].split()[1]
        old = next((one for one in facts.stale if one.command == word), None)
        state: State = "stale" if old else "not computed"
        again = facts.commands[COMMAND_OF[name]]
        return Judged(NAMES[name], None, "-", _limit_text(limit), state, old.why if old else "", again)
    state = "no limit"
    if limit is not None:
        state = "pass" if bool(limit.passes(np.asarray(found.value))) else "fail"
    text = value_text(quantity, found.value)
    return Judged(NAMES[name], found.value, text, _limit_text(limit), state, found.how, found.words)


def _sheets(facts: Facts) -> Iterator[Judged]:
    """S-parameters of layers whose data sheet was made, where [limits] judges anything."""
    for layer in facts.layers:
        if (run := facts.sheet(layer)) is None:
            continue
        rows = [row for row in run.answer["metrics"]["limits"] if row["passed"] is not None]
        kept = sum(bool(row["passed"]) for row in rows)
        if rows:
            state: State = "pass" if kept == len(rows) else "fail"
            limit = f"{len(rows)} of [limits]"
            yield Judged(f"S-parameters, {layer}", float(kept), f"{kept} kept", limit, state, "data sheet", run.words)


def judge(facts: Facts) -> tuple[Judged, ...]:
    """Every quantity against its limit."""
    return (*(_judged(facts, name) for name in NAMES), *_sheets(facts))


def overall(judged: tuple[Judged, ...]) -> tuple[str, str]:
    """State of the whole, pass, fail, open or none, and a line that says it.

    [limits] of S-parameters, some of which always judge, count beside what was asked, or where they fail.
    """
    asked = [one for one in judged if one.limit != "-" and (one.name in NAMES.values() or one.state == "fail")]
    if not asked:
        return "none", "No limits are set, so nothing passes or fails: [specification] and [acceptance] of design.toml"
    asked = [one for one in judged if one.limit != "-"]
    failed = [one.name for one in asked if one.state == "fail"]
    unknown = [one.name for one in asked if one.state in ("not computed", "stale")]
    more = f"; not known: {', '.join(unknown)}" if unknown else ""
    kept = f"{len(asked) - len(failed) - len(unknown)} of {len(asked)} limits kept"
    if failed:
        return "fail", f"{kept}; failed: {', '.join(failed)}{more}"
    return ("open", kept + more) if unknown else ("pass", kept)
