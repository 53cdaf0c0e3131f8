"""What `resonet report` shows: stored results that still hold, and the commands that make what is not there."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resonet.api.kept import KeptRun, kept_runs
from resonet.api.replay import LIBRARIES, Record
from resonet.core.errors import EngineError
from resonet.core.parameters import table_from_record
from resonet.core.sources import PHYSICS, file_hash, source_hash
from resonet.core.validity import warn
from resonet.cosim.feed.feeds import feed_of
from resonet.cosim.feed.store import known_weights
from resonet.cosim.montecarlo.limits import acceptance_limits
from resonet.netlist.design.folder import load_design
from resonet.netlist.design.parameters import TABLES
from resonet.netlist.programming.methods import OF_WEIGHTS, Method
from resonet.report.page.facts import Drawing, Facts, Ports, Run, Stale, Told

if TYPE_CHECKING:
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.design.design import Design

__all__ = ["gather"]

ANSWERING = {"accuracy", "calibrate", "crossbar", "crosstalk", "demo", "layout", "levels", "montecarlo", "operate"}
ANSWERING |= {"run", "sneak", "sparams", "transient"}  # commands whose numbers stand on the page
NO_IMAGES = "TEST.npz"  # in commands, where nobody knows any
MOST_PNG = 700_000  # bytes of a drawing


def _images(design: "Design", runs: Sequence[KeptRun]) -> str:
    """Test images for commands: those of the last run that had some, or the shipped ones."""
    from resonet.api.shipped import shipped_images

    for run in sorted((run for run in runs if run.record), key=lambda run: run.record.date, reverse=True):  # type: ignore[union-attr]
        words = run.record.arguments if run.record else []
        given = [words[n + 1] for n, word in enumerate(words[:-1]) if word == "--data"]
        if words[0] in ("accuracy", "montecarlo", "crossbar") and given and Path(given[0]).is_file():
            return given[0]
    return str(shipped_images(design, "test") or NO_IMAGES)


def _commands(folder: Path, design: "Design", data: str) -> dict[str, str]:
    """Command lines by what they compute."""
    build, data = shlex.quote(str(folder)), shlex.quote(data)
    noise = " --noise" if design.fed_by("stripline") else ""  # which is not drawn unasked there
    spread = "" if design.parameters.spread.active else " --spread f_res=0.003"
    found = {
        "crosstalk": f"resonet crosstalk {build}",
        "accuracy": f"resonet accuracy {build} --data {data}{noise}",
        "saturating": f"resonet accuracy {build} --data {data} --resonators saturating{noise}",
        "montecarlo": f"resonet montecarlo {build}{spread} --data {data}",
        "yield": f'resonet montecarlo {build}{spread} --data {data} --spec "accuracy >= 98 %"',
        "crossbar": f"resonet crossbar {build} --data {data}",
        "levels": f"resonet levels {build}",
        "run": f"resonet run {build}",
    }
    if data == NO_IMAGES:
        found |= {
            "levels": f"resonet levels {build} --data CALIBRATION.npz",
            "run": f"resonet run {build} --data {data}",
        }
    for entry in design.plan.layers:
        name = shlex.quote(entry.layer.name)
        found |= {
            f"{word} {entry.layer.name}": f"resonet {word} {build} --layer {name}"
            for word in ("crosstalk", "layout", "sneak", "sparams")
        }
        found[f"metrics {entry.layer.name}"] = f"resonet sparams {build} --layer {name} --metrics"
    return found


def _weights(
    folder: Path, design: "Design", commands: Mapping[str, str]
) -> "tuple[dict[Method, dict[str, RfWeights]], list[Stale]]":
    """Effective weights that still hold, by program and layer; and those that do not."""
    held: dict[Method, dict[str, RfWeights]] = {}
    stale = []
    for entry in design.plan.layers:
        name = entry.layer.name
        feed = feed_of(design, name)
        for method in OF_WEIGHTS:
            own = feed.stands_for(method)
            if method not in design.programs:
                continue
            weights, changed = known_weights(folder, design, name, own)
            if weights is not None:
                held.setdefault(method, {})[name] = weights
            elif changed:
                what, again = f"effective weights, {name}, {method}", commands[f"crosstalk {name}"]
                stale.append(Stale(what, f"changed: {', '.join(changed)}", again, "crosstalk"))
    return held, stale


def _words(record: Record) -> str:
    """The command line of a run, with tables."""
    return shlex.join(["resonet", *(word for word in record.arguments if word != "--json")])


def _runs(kept: Sequence[KeptRun], folder: Path) -> tuple[list[Run], list[Stale]]:
    """Runs whose numbers hold, the last first; and those that do not, but for what ran again since."""
    runs, stale = list[Run](), list[Stale]()
    for one in kept:
        if one.record is None:
            stale.append(Stale(f"runs/{one.path.name}", "damaged", f"delete {one.path}"))
    whole = [one for one in kept if one.record is not None and one.record.arguments[0] in ANSWERING]
    for one in sorted(
        whole, key=lambda one: (one.record.date, one.path.name) if one.record else ("", ""), reverse=True
    ):
        record = one.record
        assert record is not None
        words = _words(record)
        if one.why_numbers:
            if words not in {run.words for run in runs} and words not in {old.again for old in stale}:
                stale.append(Stale(words, one.why_numbers, words, record.arguments[0]))
        elif record.answer is None:
            stale.append(Stale(words, "kept no numbers", words, record.arguments[0]))
        elif words not in {run.words for run in runs}:
            runs.append(Run(record.arguments[0], words, record.date, record.answer))
    return runs, stale


def _chains(runs: Sequence[Run], records: Mapping[str, KeptRun]) -> Iterator[Ports]:
    """S-parameters of chains that were extracted, the last of each layer."""
    from resonet.sparams.touchstone import read_touchstone

    seen = set()
    for run in runs:
        table = run.answer
        if run.command != "sparams" or table.get("block") != "chain" or table["layer"] in seen or not table["channels"]:
            continue
        record = records[run.words].record
        assert record is not None
        path = Path(record.place) / table["touchstone"][-1]
        network = read_touchstone(path)
        if network.nports != 2:
            continue
        seen.add(table["layer"])
        channels, resonances = (
            np.array([row[key] for row in table["channels"]], float) for key in ("channel_hz", "resonance_hz")
        )
        made = (network.f, network.s, float(np.real(network.z0[0, 0])), channels, resonances, float(table["bias"]))
        yield Ports(table["name"], table["layer"], run.words, table["program"], table["engine"], *made)


def _drawings(runs: Sequence[Run], records: Mapping[str, KeptRun]) -> Iterator[Drawing]:
    """Drawings of layouts that were made, the last of each layer and arrangement."""
    from resonet.core.numbers import engineering

    seen = set()
    for run in runs:
        if run.command != "layout":
            continue
        record = records[run.words].record
        assert record is not None
        for facts in run.answer["layouts"]:
            key = (facts["layer"], facts["arrangement"])
            wanted = f"layout_{facts['layer']}_{facts['arrangement']}.png"
            path = next((Path(record.place) / one for one in run.answer["figures"] if Path(one).name == wanted), None)
            if key in seen or path is None or path.stat().st_size > MOST_PNG:
                continue
            seen.add(key)
            rows = (
                ("resonators", f"{facts['resonators']:,}"),
                ("RF lines", f"{facts['lines']:,}"),
                ("tone classes", f"{facts['tone_classes']:,}"),
                ("tuning lines", f"{facts['tuning_lines']:,}"),
                ("size", " x ".join(engineering(side, "m") for side in facts["size"])),
                ("area", f"{facts['area'] * 1e6:.4g} mm²"),
                ("longest RF line", engineering(facts["line_length"]["longest"], "m")),
            )
            yield Drawing(*key, run.words, path.read_bytes(), rows)


def _warnings(folder: Path) -> Iterator[Told]:
    from resonet.core.files import read_bytes, read_json

    for path in sorted((folder / "results").glob("warnings_*.json")):
        command = path.stem.removeprefix("warnings_")
        try:
            rows = [
                Told(
                    command,
                    str(row["code"]),
                    str(row["text"]),
                    float(row["value"]),
                    float(row["limit"]),
                    str(row["unit"]),
                )
                for row in read_json(read_bytes(path))
            ]
        except (ValueError, TypeError, KeyError) as error:
            warn(
                "damaged-result",
                f"{path}: {str(error)[:80]}; its warnings are not shown; possible: delete it",
                1,
                0,
                "files",
            )
            continue
        yield from rows


def _provenance(
    folder: Path, design: "Design", held: "Mapping[Method, Mapping[str, RfWeights]]", runs: Sequence[Run]
) -> Iterator[tuple[str, str]]:
    from resonet.cosim.ngspice.program import find_ngspice, ngspice_version

    yield "resonet", version("resonet")
    yield "code of the physics, SHA-256", source_hash(*PHYSICS)
    for name in ("design.toml", "model.onnx", "program.npz", "calibrated.npz", "fitted.npz"):
        if (folder / name).is_file():
            yield f"{name}, SHA-256", file_hash(folder / name)
    try:
        yield "ngspice", ngspice_version(find_ngspice())
    except EngineError as error:
        yield "ngspice", str(error).splitlines()[0]
    import platform

    yield "Python", platform.python_version()
    for name in (*LIBRARIES, "plotly", "jinja2"):
        yield name, version(name)
    yield "scales of the inputs from", design.calibration
    for method, own in held.items():
        for layer, weights in own.items():
            yield f"witness of {layer}, {method}", str(weights.witness) if weights.witness else "none"
    for run in runs:
        witness = run.answer.get("witness")
        if isinstance(witness, Mapping) and witness.get("difference") is not None:
            yield (
                f"engine of {run.command}",
                f"{run.answer['engine']}; {witness['by']} at most {witness['difference']:.1e} apart",
            )
        if run.command == "transient":
            off = run.answer["difference_of_full_scale"]
            yield (
                f"referee, {run.answer['layer']}",
                f"{run.answer['engine']}: {off:.1e} of full scale off the two passes",
            )


def _parameters(design: "Design") -> Iterator[tuple[str, str, str, str]]:
    for table, kind in TABLES.items():
        meanings = {spec.name: str(spec.metadata.get("doc", "")) for spec in fields(kind)}
        for name, value in table_from_record(getattr(design.parameters, table)).items():
            yield table, name, str(value), meanings.get(name, "")


def gather(folder: Path, given: Sequence[str], chosen: Method | None) -> Facts:
    """Everything on a design folder that still holds, judged by its limits and `given` ones (--spec).

    Raises InputError, EngineError.
    """
    design, kept = load_design(folder), kept_runs(folder)
    limits = acceptance_limits(design.parameters.specification, design.parameters.acceptance, given)
    program: Method = chosen or ("calibrated" if "calibrated" in design.programs else "coupled")
    design.program(program)
    commands = _commands(folder, design, _images(design, kept))
    held, stale = _weights(folder, design, commands)
    runs, old = _runs(kept, folder)
    records = {_words(one.record): one for one in kept if one.record}
    return Facts(
        str(folder),
        design,
        program,
        held,
        tuple(runs),
        (*stale, *old),
        tuple(_chains(runs, records)),
        tuple(_drawings(runs, records)),
        tuple(_warnings(folder)),
        limits,
        commands,
        tuple(_provenance(folder, design, held, runs)),
        tuple(_parameters(design)),
    )
