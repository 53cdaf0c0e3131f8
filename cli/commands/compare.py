"""`resonet compare`: two designs side by side, parameters and what was found of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonet.cli.options import Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say

if TYPE_CHECKING:
    from resonet.report.page.facts import Facts

__all__ = ["COMMAND", "differing", "size_of"]


def differing(one: "Facts", other: "Facts") -> list[tuple[str, str, str]]:
    """Parameters with another value: table.name, the first value, the second."""
    second = {(table, name): value for table, name, value, _ in other.parameters}
    return [
        (f"{table}.{name}", value, second[table, name])
        for table, name, value, _ in one.parameters
        if second[table, name] != value
    ]


def size_of(facts: "Facts") -> dict[str, float]:
    """What a design takes, of one copy of the kernels: resonators, chains; buses, tones and the strongest source, W.

    The latter three of layers on buses, where there are any; `area`, m², where the layouts of all layers were drawn,
    the larger of two arrangements of a layer.
    """
    from resonet.netlist.planning.frequency_plan import source_power

    plan = facts.design.plan
    found = {
        "resonators": float(sum(entry.resonators for entry in plan.layers)),
        "chains": float(sum(entry.chains for entry in plan.layers)),
    }
    if driven := [plan.layer(name) for name in facts.design.fed_by("bus")]:
        found |= {
            "buses": float(sum(len(entry.buses) for entry in driven)),
            "tones on buses": float(sum(bus.size[1] for entry in driven for bus in entry.buses)),
            "strongest source of a bus": 10 ** (max(source_power(entry, plan) for entry in driven) / 10 - 3),
        }
    areas: dict[str, float] = {}
    for run in facts.runs:
        for layout in run.answer["layouts"] if run.command == "layout" else ():
            areas[layout["layer"]] = max(areas.get(layout["layer"], 0.0), float(layout["area"]))
    if set(areas) == set(facts.layers):
        found["area"] = sum(areas.values())
    return found


def _rows(one: "Facts", other: "Facts") -> list[tuple[str, float | None, float | None, str, str]]:
    """What was found of both: name, values in SI, and as people read them; - where it was not computed."""
    from resonet.core.numbers import engineering
    from resonet.report.page.verdict import judge

    first, second = size_of(one), size_of(other)
    rows = []
    for name in dict.fromkeys([*first, *second]):
        unit = {"strongest source of a bus": "W", "area": "m^2"}.get(name)
        values = [own.get(name) for own in (first, second)]
        told = ["-" if v is None else engineering(v, unit, 4) if unit else f"{v:,.0f}" for v in values]
        rows.append((name, *values, *told))
    judged = [{line.name: line for line in judge(facts)} for facts in (one, other)]
    for name in dict.fromkeys([*judged[0], *judged[1]]):
        lines = [own.get(name) for own in judged]
        found = [line.value if line else None for line in lines]
        words = ["-" if line is None else line.found if line.value is not None else line.state for line in lines]
        rows.append((name, *found, *words))
    return rows  # type: ignore[return-value]


def compare_command(
    first: Annotated[Path, typer.Argument(help="Design folder.", metavar="folder")],
    second: Annotated[Path, typer.Argument(help="The design folder beside it.", metavar="other")],
    as_json: Json = False,
) -> None:
    """Two designs side by side: parameters that differ, size, accuracy, errors, energy, latency, as far as computed.

    Nothing is computed anew; what no longer holds is called stale.

    Example: resonet compare build other
    """
    from resonet.api.gathering import gather

    one, other = gather(first, (), None), gather(second, (), None)
    same = one.design.cnn.sha256 == other.design.cnn.sha256
    changed, rows = differing(one, other), _rows(one, other)
    if as_json:
        print_json(
            {
                "folders": [first, second],
                "same_network": same,
                "programs": [one.program, other.program],
                "parameters": [{"name": name, "first": a, "second": b} for name, a, b in changed],
                "found": [{"name": name, "first": a, "second": b} for name, a, b, _, _ in rows],
            }
        )
        return
    columns = {"parameter": "left", str(first): "right", str(second): "right"}
    networks = "same network" if same else "other networks"
    print_table(f"{networks}; parameters that differ: {len(changed)}", columns, changed)
    columns = {"": "left", str(first): "right", str(second): "right"}
    print_table("what was found", columns, [(name, a, b) for name, _, _, a, b in rows])
    if one.program != other.program:
        say(f"programs: {one.program} in {first}, {other.program} in {second}")


COMMAND = Command("analyse", compare_command, stored=False, writes=False)
