"""`resonet sparams`: S-parameters of a layer's blocks, their figures, metrics and comparison with measurements."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.options import Chosen, Folder, Json, Layer, Values, only, when
from resonet.cli.registry import Command
from resonet.cli.show import answer, err, out
from resonet.cli.sparam_tables import chain_table, compare_table, file_names, parts_table, sheet_table
from resonet.cli.steps import progress

if TYPE_CHECKING:
    from resonet.cli.sparam_page import BlockPage
    from resonet.netlist.design.design import Design
    from resonet.sparams.build import Stand
    from resonet.sparams.measured import FittedPart
    from resonet.sparams.request import Options
    from resonet.sparams.sheet import LayerSheet

__all__ = ["COMMAND"]

PANEL = "Beyond the chain's two-port"
OF_BUS = ("chain", "bus")  # blocks with resonators
ENGINE = "Who computes (default: ngspice up to 5 ports, linear beyond and for sweeps and metrics)."


def _kind(found: Values) -> str:
    return found["block"] or "chain"


def _of_chain(found: Values) -> bool:
    """Whether which chain it is matters: to a chain, and to the data sheet."""
    return _kind(found) == "chain" or found["metrics"]


def _has_resonators(found: Values) -> bool:
    return _kind(found) in OF_BUS or found["metrics"]


def _swept(name: str) -> Callable[[Values], bool]:
    return lambda found: (found["sweep"] or "").partition("=")[0].strip() == name


RESONATORS = "with --block chain, with --block bus or with --metrics (the others hold no resonators)"
CHAIN = when(_of_chain, "with --block chain or with --metrics")
BIASED = when(_has_resonators, RESONATORS)
MANY = when(lambda found: _kind(found) in ("bus", "combiner"), "with --block bus or with --block combiner")
SWEPT = when(lambda found: _kind(found) in OF_BUS, "with --block chain or with --block bus")


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Options of --sweep."""

    text: str | None
    width: str
    drift: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Result:
    """What was computed and written, for the table or the JSON object."""

    page: "BlockPage"
    figures: list[Path]
    notes: list[str]
    parts: "list[FittedPart]"
    stand: "Stand"
    compared: dict[str, Any] | None = None
    sheet: "LayerSheet | None" = None
    solver: str = ""  # of the sheet


def _block(
    design: "Design",
    folder: Path,
    options: "Options",
    parts: tuple[str, ...],
    limits: tuple[float | None, float | None, int],
    sweep: _Sweep,
    tolerance: float,
) -> _Result:
    """Any block, by any engine, with measured parts in it."""
    from resonet.cli.sparam_page import block_page
    from resonet.cli.sparam_sweep import sweep_page
    from resonet.sparams.measured import STEPS
    from resonet.sparams.request import layer_parts

    with progress("fit measured parts", STEPS * len(parts)) as done:
        stand, fitted = layer_parts(design, options.layer, options.bus, parts, tolerance, done)
    page = block_page(design, folder, options, stand, limits)
    figures, notes = list(page.figures), list(page.notes)
    if sweep.text:
        figures += sweep_page(design, folder, page, options, stand, sweep.text, sweep.width, sweep.drift)
        notes.append("the sweep is computed by the linear engine")
    return _Result(page, figures, notes, fitted, stand)


def _page(result: _Result, options: "Options") -> dict[str, Any]:
    """For scripts."""
    from resonet.cli.sparam_page import sheet_json

    page = result.page
    numbers = ("name", "rms_error", "max_error", "fit_error", "passive_before", "data_gain", "change", "ended")
    shown: dict[str, Any] = {"name": page.solved.network.name, "engine": page.solved.engine}
    shown |= {"layer": options.layer, "program": options.method, "block": options.kind, "bus": options.bus}
    shown |= {"chain": options.chain, "bias": options.bias}
    shown["ports"] = [{"name": port.name, "impedance": port.impedance} for port in page.solved.block.ports]
    shown["parts"] = [{key: getattr(part, key) for key in numbers} for part in result.parts]
    keys = ("channel_hz", "resonance_hz", "s21_db", "s11_db")
    shown["channels"] = [dict(zip(keys, row, strict=True)) for row in page.solved.rows]
    shown |= {"touchstone": page.touchstone, "figures": result.figures, "notes": result.notes}
    if result.compared:
        shown["compare"] = result.compared
    if result.sheet:
        shown["metrics"] = {"engine": result.solver, **sheet_json(result.sheet)}
    return shown


def _print_tables(result: _Result) -> None:
    page = result.page
    size = f"{page.solved.network.nports} ports, {len(page.solved.network.f)} frequencies"
    out.print(f"{page.solved.network.name}: {size}, by {page.solved.engine} (--engine)", markup=False, soft_wrap=True)
    if page.solved.rows:
        chain_table(page.solved.network.name or "", page.solved.rows)
    if result.parts:
        parts_table(result.parts)
    if result.compared:
        compare_table(result.compared)
    if result.sheet:
        sheet_table(result.sheet, result.solver)
    for note in result.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    file_names("Touchstone", page.touchstone)
    file_names("figures", result.figures)


def sparams_command(
    folder: Folder,
    layer: Layer,
    chain: Annotated[int, typer.Option(min=0, help="Chain on its bus."), CHAIN] = 0,
    bus: Annotated[str | None, typer.Option(help="Bus, such as t0 (default: the layer's first).")] = None,
    bias: Annotated[str, typer.Option(help="DC current through the chain, such as 5uA."), BIASED] = "0 A",
    start: Annotated[str | None, typer.Option(help="Lowest frequency, such as 0.5GHz.")] = None,
    stop: Annotated[str | None, typer.Option(help="Highest frequency, such as 25GHz.")] = None,
    points: Annotated[int, typer.Option(min=1, help="Frequencies per decade.")] = 1000,
    program: Chosen = "coupled",
    block: Annotated[
        Literal["chain", "bus", "combiner", "tee"] | None,
        typer.Option(help="Block: chain, whole bus, its combiner, a bias tee.", rich_help_panel=PANEL),
    ] = None,
    ports: Annotated[
        str | None, typer.Option(help="Ports in this order, such as in0,in1,dc0 (default: all).", rich_help_panel=PANEL)
    ] = None,
    z0: Annotated[
        list[str] | None,
        typer.Option("--z0", help="Reference impedance: 75Ohm, or of one port: in0=75Ohm.", rich_help_panel=PANEL),
    ] = None,
    engine: Annotated[
        Literal["linear", "ngspice", "scikit-rf"] | None, typer.Option(help=ENGINE, rich_help_panel=PANEL)
    ] = None,
    touchstone: Annotated[
        Literal["1", "2"], typer.Option(help="Version of the Touchstone file.", rich_help_panel=PANEL)
    ] = "1",
    all_points: Annotated[
        bool,
        typer.Option("--all-points", help="Every frequency into the file, even over 20 MB.", rich_help_panel=PANEL),
        MANY,
    ] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Measured part: tee=FILE, combiner=FILE, line=FILE, package=FILE.", rich_help_panel=PANEL),
    ] = None,
    passive_tolerance: Annotated[
        str,
        typer.Option(
            help="Gain of a measured part that its uncertainty explains; the model has none.", rich_help_panel=PANEL
        ),
        only("part"),
    ] = "0.1dB",
    plot: Annotated[
        list[str] | None,
        typer.Option(help="Figure: db, phase, smith, delay, isolation; waterfall with --sweep.", rich_help_panel=PANEL),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="bias=0:10uA:21, tuning=0:20mA:41 or temperature=250:350:11.", rich_help_panel=PANEL),
        SWEPT,
    ] = None,
    tuning_width: Annotated[
        str,
        typer.Option(help="Width of the tuning line, which sets its field.", rich_help_panel=PANEL),
        when(_swept("tuning"), "with --sweep tuning=..."),
    ] = "1um",
    drift: Annotated[
        list[str] | None,
        typer.Option(help="Change per kelvin: tcf=-1e-4, tcr=, tcq=, tck=.", rich_help_panel=PANEL),
        when(_swept("temperature"), "with --sweep temperature=..."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Touchstone file to lay over and quantify.", rich_help_panel=PANEL)
    ] = None,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics",
            help="Data sheet of the layer, pass or fail against the design's limits.",
            rich_help_panel=PANEL,
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """S-parameters of a chain or another block, as Touchstone and figures; metrics; measured parts; comparison.

    By default the chain's two-port, without and with the bias. Exit status 1 if a limit of --metrics fails.

    Example: resonet sparams build --layer conv1 --bias 5uA --plot smith --metrics
    """
    from resonet.cli.sparam_page import compare_page, plot_page, readable
    from resonet.cli.sparam_sweep import check_request
    from resonet.netlist.design.folder import load_design
    from resonet.sparams.request import Options, Units, check_parts

    design = load_design(folder)
    if plot and "waterfall" in plot and not sweep:
        raise typer.BadParameter("a waterfall needs --sweep, such as --sweep tuning=0:20mA:41", param_hint="--plot")
    current = Units.si("bias", bias)
    limits = Units.si("start", start) if start else None, Units.si("stop", stop) if stop else None, points
    kinds = tuple(kind for kind in plot or () if kind != "waterfall")
    check_request(design, kinds, sweep, tuple(drift or ()), tuning_width)
    tolerance = Units.si("tolerance", passive_tolerance)
    measured = readable(compare) if compare else None
    names, kind = tuple(name.strip() for name in ports.split(",")) if ports else (), block or "chain"
    held = check_parts(tuple(part or ()), kind, metrics)
    options = Options(
        layer, program, kind, bus, chain, current, engine, names, tuple(z0 or ()), touchstone, held, all_points
    )
    asked = _Sweep(sweep, tuning_width, tuple(drift or ()))
    result = _block(design, folder, options, tuple(part or ()), limits, asked, tolerance)
    page = result.page
    kinds = kinds or (() if result.figures else ("db",))
    result.figures += plot_page(page.solved.network, page.solved.channels, kinds, folder)
    if compare and measured is not None:
        result.compared, overlay = compare_page(page.solved.network, measured, compare, folder)
        result.figures += overlay
    if metrics:
        from resonet.sparams.sheet import layer_sheet

        solver = engine or "linear"
        result.sheet = layer_sheet(design, layer, program, bus, chain, current or None, solver, result.stand)
        result.solver = solver
    if not answer(as_json, _page(result, options)):
        _print_tables(result)
    if result.sheet and not result.sheet.passed:
        err.print(f"resonet: layer {layer}: outside its limits", style="red", markup=False)
        raise typer.Exit(1)


COMMAND = Command("analyse", sparams_command)
