"""`resonet operate`: the operating point of a network, with saturation and all noise on, and what limits it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.options import Json, ParameterFile, Preset, Settings, when
from resonet.cli.registry import Command
from resonet.cli.show import answer, engineering, percent, print_files, print_table, say
from resonet.cli.steps import progress
from resonet.core.errors import InputError
from resonet.core.validity import warn

if TYPE_CHECKING:
    from resonet.cosim.operate.axes import Axis
    from resonet.cosim.operate.records import Found, SearchOptions
    from resonet.netlist.design.design import Design

__all__ = ["COMMAND"]

MOST_ROWS = 15
LIMITING = 5  # sources of noise that are named
NETWORK = when(lambda values: not values["source"].is_dir(), "with a network; a design folder has its own")


def _base(
    source: Path, calibration: Path | None, design: Path | None, preset: str | None, settings: list[str] | None
) -> "Design":
    """The design that the search begins at."""
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.network.images import read_images
    from resonet.netlist.network.onnx.read import read_cnn

    if source.is_dir():
        return load_design(source)
    cnn = read_cnn(source)
    images = read_images(calibration, cnn.input_shape, cnn.pixels) if calibration else None
    return compile_cnn(source, read_parameters(design, settings or (), preset), images)


def _point_file(found: "Found", place: Path) -> Path:
    """The chosen point as a file of parameters."""
    import tomli_w

    from resonet.core.files import new_file
    from resonet.cosim.operate.search import point_tables

    path = place / "operating_point.toml"
    with new_file(path) as temporary:
        temporary.write_text(tomli_w.dumps(point_tables(found)), encoding="utf-8")
    return path


def _limits(found: "Found", options: "SearchOptions") -> dict[str, dict[str, float]]:
    """Shortest times that noise leaves, by what of it there is, and at what power."""
    from resonet.cosim.operate.limits import KINDS, shortest_time

    made, variance = found.surrogate, found.surrogate.tolerance.variance(options.target)
    limits = {}
    for name, sources in KINDS.items():
        time, power = shortest_time(made, found.powers, variance, sources)
        limits[name] = {"time": time, "p_max": power}
    return limits


def _json(found: "Found", axes: "tuple[Axis, ...]", options: "SearchOptions") -> dict[str, Any]:
    from resonet.cosim.cascade.energy_budget import LITERATURE
    from resonet.cosim.operate.axes import settings_of
    from resonet.cosim.operate.limits import shares

    values = found.structure | {"p_max": found.setting.p_max, "bandwidth": found.setting.bandwidth}
    return {
        "settings": settings_of(values, axes),
        "latency": asdict(found.latency),
        "power": found.power,
        "energy": found.energy,
        "energy_per_operation": found.energy / found.surrogate.drawn.operations,
        "resonators_per_operation": found.in_resonators / found.surrogate.drawn.operations,
        "literature": LITERATURE,
        "searched": asdict(found.searched),
        "confirmed": asdict(found.confirmed),
        "target": options.target,
        "fitted_on": found.design.fitted.images if found.design.fitted else 0,
        "predicted": found.surrogate.accuracy(found.setting),
        "limited_by": [
            {"layer": a, "source": b, "share": c} for a, b, c in shares(found.surrogate, found.setting)[:LIMITING]
        ],
        "limits": _limits(found, options),
        "front": [asdict(point) for point in found.front],
        "structures": found.looked_at,
    }


def _programmed(found: "Found") -> str:
    """How resonators are tuned at the chosen point, where that is not as programmed."""
    fit = found.design.fitted
    return f"detunings fitted on {fit.images} images (then: resonet calibrate --on-data), " if fit else ""


def _show(found: "Found", axes: "tuple[Axis, ...]", options: "SearchOptions") -> None:
    """The front, the chosen point, what limits it."""
    from resonet.cosim.cascade.energy_budget import LITERATURE

    names = list(found.structure)
    columns = dict.fromkeys((*names, "p_max", "bandwidth", "latency", "energy", "accuracy"), "right")
    step = max(1, -(-len(found.front) // MOST_ROWS))
    rows = [
        (
            *(f"{point.structure[name]:.3g}" for name in names),
            engineering(point.setting.p_max, "W"),
            engineering(point.setting.bandwidth, "Hz"),
            engineering(point.latency, "s"),
            engineering(point.energy, "J"),
            percent(point.accuracy),
        )
        for point in found.front[::step]
    ]
    title = f"front of {found.looked_at} structures, accuracy as the surrogate predicts it"
    print_table(title, columns, rows)
    values = found.structure | {"p_max": found.setting.p_max, "bandwidth": found.setting.bandwidth}
    from resonet.cosim.operate.axes import settings_of
    from resonet.cosim.operate.limits import shares

    told = " ".join(f'--set {name}="{value}"' for name, value in settings_of(values, axes).items())
    say(f"chosen: {told}", style="bold")
    say(
        f"accuracy {percent(found.confirmed.accuracy)} ± {percent(found.confirmed.error)} with saturation and all "
        f"noise, {_programmed(found)}on {found.confirmed.images:,} images that the search has not seen (on those of "
        f"the search: {percent(found.searched.accuracy)}; target {percent(options.target)})"
    )
    operations = found.surrogate.drawn.operations
    say(
        f"at that accuracy: latency {engineering(found.latency.parallel, 's')} an image in parallel hardware (all sums "
        f"within 1 %), {engineering(found.latency.sequential, 's')} with one copy of every kernel; "
        f"{engineering(found.energy, 'J')} an image, {engineering(found.energy / operations, 'J')} per synaptic "
        f"operation with sources, neurons and amplifiers, {engineering(found.in_resonators / operations, 'J')} in "
        f"the resonator alone (literature: {engineering(LITERATURE['synapse'], 'J')} a synaptic and "
        f"{engineering(LITERATURE['neuron'], 'J')} a neuron operation, estimates for junctions of 20 nm)"
    )
    for layer, source, share in shares(found.surrogate, found.setting)[:LIMITING]:
        say(f"  {percent(share, 0)} of the variance at the outputs: {source}, layer {layer}")
    for name, limit in _limits(found, options).items():
        say(
            f"limit by {name} alone, averaged as long as it must be: {engineering(limit['time'], 's')} at "
            f"{engineering(limit['p_max'], 'W')}"
        )


def _warn_below(found: "Found", target: float) -> None:
    """Warn (below-target) where unseen images say, by more than their error, that the point misses the target."""
    confirmed = found.confirmed
    if confirmed.accuracy + confirmed.error < target:
        warn(
            "below-target",
            f"{percent(confirmed.accuracy)} on {confirmed.images:,} images that the search has not seen; possible: "
            "more --search-images, or a target that much higher",
            confirmed.accuracy,
            target,
        )


def operate_command(
    source: Annotated[Path, typer.Argument(help="Design folder, or a trained CNN as an ONNX file.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Labelled images, a part to search, the rest to confirm (default: shipped)."),
    ] = None,
    target: Annotated[float, typer.Option(help="Accuracy that is wanted.")] = 0.985,
    latency_max: Annotated[
        str | None, typer.Option(help="Longest time of an image: among those the least energy, not the least time.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="What may change: names, each perhaps with =LOW:HIGH.")] = None,
    structures: Annotated[int, typer.Option(min=1, help="Structures that are looked at.")] = 12,
    measured: Annotated[
        int, typer.Option(min=0, help="Of these that are measured on images; 0: the best by its surrogate.")
    ] = 2,
    searched: Annotated[int, typer.Option("--search-images", min=50, help="Images that the search may see.")] = 2000,
    fit: Annotated[
        Path | None,
        typer.Option(help="Images on which detunings are fitted at the power of every structure that is measured."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of search and noise.")] = 1,
    folder: Annotated[Path | None, typer.Option("-o", "--out", help="Where results/ and report/ go.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Images that set the input scales."), NETWORK] = None,
    design: Annotated[ParameterFile, NETWORK] = None,
    preset: Annotated[Preset, NETWORK] = None,
    settings: Annotated[Settings, NETWORK] = None,
    as_json: Json = False,
) -> None:
    """Operating point with saturation and all noise: the shortest latency at an accuracy, and what limits it.

    Writes operating_point.toml, which compile takes by --design. What the search has looked at is kept beside it, so
    that the same search goes on where it was stopped.

    Example: resonet operate mnist.onnx --images test.npz --target 0.98
    """
    from resonet.api.shipped import images_for
    from resonet.core.parameters import parse
    from resonet.cosim.operate.axes import DEFAULT, chosen_axes
    from resonet.cosim.operate.records import SearchOptions
    from resonet.cosim.operate.search import operating_points
    from resonet.report.operate_figures import operate_figure
    from resonet.report.style import save

    if not source.exists():
        raise InputError(f"{source}: no such file; possible: a design folder, or a trained CNN as an ONNX file")
    spec = SearchOptions.__dataclass_fields__["latency_max"]
    longest = float(parse(latency_max, spec, "--latency-max")) if latency_max else SearchOptions().latency_max
    options = SearchOptions(target, longest, structures, measured, searched, seed=seed)
    axes = chosen_axes(search if search is not None else ",".join(DEFAULT))
    base = _base(source, calibration, design, preset, settings)
    data = images_for(base, images, "test", "--images")
    batch = None if fit is None else base.images(fit).images
    place = folder or (source if source.is_dir() else Path())
    with progress("operate", structures + measured + 1) as done:
        found = operating_points(base, data, axes, options, done, place / "results" / "operate.jsonl", batch)
    _warn_below(found, options.target)
    path = _point_file(found, place)
    figures = save(operate_figure(found, options.target), place / "report", "operate")
    if not answer(as_json, _json(found, axes, options) | {"file": path, "figures": figures}):
        _show(found, axes, options)
        print_files("results", [path, *figures])


COMMAND = Command("design", operate_command)
