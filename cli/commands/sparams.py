"""`resonet sparams`: S-parameters of a layer's blocks, their figures, metrics and comparison with measurements."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.options import Chosen, Folder, Json, Layer, Values, only, when
from resonet.cli.registry import Command
from resonet.cli.show import engineering, err, out, print_json, print_table, progress

if TYPE_CHECKING:
    from resonet.cli.sparam_page import BlockPage, Options
    from resonet.netlist.design.design import Design
    from resonet.sparams.build import Stand
    from resonet.sparams.measured import FittedPart
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
SWEPT = when(lambda found: _kind(found) in OF_BUS, "with --block chain or with --block bus")


def _files(title: str, paths: list[Path]) -> None:
    if paths:
        out.print(f"{title}: " + ", ".join(str(path) for path in paths), soft_wrap=True, markup=False)


def _parts_table(parts: "list[FittedPart]") -> None:
    columns = {
        "measured part": "left",
        "pole pairs": "right",
        "RMS error": "right",
        "largest": "right",
        "gain of file": "right",
        "passive": "left",
    }
    rows = (
        (
            part.name,
            str(int((part.poles.imag > 0).sum())),
            f"{part.rms_error:.1e}",
            f"{part.max_error:.1e}",
            f"{20 * math.log10(max(part.data_gain, 1e-300)):+.3f} dB",
            "as fitted" if part.passive_before else f"enforced (RMS {part.fit_error:.1e} before)",
        )
        for part in parts
    )
    print_table("measured parts: rational models", columns, rows)


def _with_unit(value: float, unit: str) -> str:
    if math.isnan(value):
        return "not found"
    if math.isinf(value):
        return "none"
    return engineering(value, unit, 4) if unit == "s" else f"{value:.4g} {unit}".strip()


def _sheet_table(sheet: "LayerSheet", solver: str) -> None:
    c, r = sheet.channels, sheet.resonances
    number = range(len(c.frequency))
    heads = dict.fromkeys(("channel", "insertion loss", "return loss", "group delay", "isolation"), "right")
    rows = (
        (
            f"{c.frequency[k] / 1e9:.4f} GHz",
            f"{c.insertion_loss[k]:.2f} dB",
            f"{c.return_loss[k]:.3f} dB",
            f"{c.group_delay[k] * 1e12:.2f} ps",
            f"{sheet.isolation[k]:.2f} dB",
        )
        for k in number
    )
    title = f"{sheet.layer}, bus {sheet.bus}, by {solver}: channels (isolation: of adjacent inputs)"
    print_table(title, heads, rows)
    heads = dict.fromkeys(("channel", "centre", "-3 dB width", "Q_L", "depth", "rejection"), "right")
    lines = (
        (
            f"{c.frequency[k] / 1e9:.4f} GHz",
            f"{r.centre[k] / 1e9:.4f} GHz",
            f"{r.bandwidth[k] / 1e6:.1f} MHz",
            f"{r.loaded_q[k]:.2f}",
            f"{r.depth[k] * 1e3:+.2f} mdB",
            f"{sheet.rejection[k]:.1f} dB",
        )
        for k in number
    )
    print_table("resonances under bias (rejection: at the nearest other channel)", heads, lines)
    verdicts = {"limit": "left", "found": "right", "allowed": "right", "": "left"}
    words = {True: "pass", False: "FAIL", None: "not judged"}
    judged = (
        (
            v.name,
            _with_unit(v.found, v.unit),
            "-" if v.passed is None else f"at {v.side} {_with_unit(v.limit, v.unit)}",
            words[v.passed],
        )
        for v in sheet.verdicts
    )
    print_table("limits ([limits] of design.toml; where none is set, nothing is judged)", verdicts, judged)


def _compare_table(found: dict[str, Any]) -> None:
    columns = {"entry": "left", "RMS |ΔS|": "right", "largest": "right", "at": "right", "largest, levels": "right"}
    rows = (
        (
            r["entry"],
            f"{r['rms']:.2e}",
            f"{r['largest']:.2e}",
            f"{r['at_hz'] / 1e9:.4f} GHz",
            f"{r['largest_db']:.3g} dB",
        )
        for r in found["entries"]
    )
    print_table(f"against {found['file']}: RMS {found['rms']:.2e} at {found['frequencies']} frequencies", columns, rows)


def _chain_table(name: str, rows: list[tuple[float, float, float, float]]) -> None:
    columns = {"channel": "right", "resonance": "right", "|S21|": "right", "|S11|": "right"}
    text = ((f"{f / 1e9:.4f} GHz", f"{r / 1e9:.4f} GHz", f"{s21:.2f} dB", f"{s11:.3f} dB") for f, r, s21, s11 in rows)
    print_table(f"{name}: at the sweep's points nearest to the channels", columns, text)


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
    from resonet.cli.sparam_page import block_page, layer_parts
    from resonet.cli.sparam_sweep import sweep_page
    from resonet.sparams.measured import STEPS

    with progress("fit measured parts", STEPS * len(parts)) as done:
        stand, fitted = layer_parts(design, options.layer, options.bus, parts, tolerance, done)
    page = block_page(design, folder, options, stand, limits)
    figures, notes = list(page.figures), list(page.notes)
    if sweep.text:
        figures += sweep_page(design, folder, page, options, stand, sweep.text, sweep.width, sweep.drift)
        notes.append("the sweep is computed by the linear engine")
    return _Result(page, figures, notes, fitted, stand)


def _print_json(result: _Result) -> None:
    from resonet.cli.sparam_page import sheet_json

    page = result.page
    numbers = ("name", "rms_error", "max_error", "fit_error", "passive_before", "data_gain", "change", "ended")
    shown: dict[str, Any] = {"name": page.network.name, "engine": page.engine}
    shown["ports"] = [{"name": port.name, "impedance": port.impedance} for port in page.block.ports]
    shown["parts"] = [{key: getattr(part, key) for key in numbers} for part in result.parts]
    keys = ("channel_hz", "resonance_hz", "s21_db", "s11_db")
    shown["channels"] = [dict(zip(keys, row, strict=True)) for row in page.rows]
    shown |= {"touchstone": page.touchstone, "figures": result.figures, "notes": result.notes}
    if result.compared:
        shown["compare"] = result.compared
    if result.sheet:
        shown["metrics"] = {"engine": result.solver, **sheet_json(result.sheet)}
    print_json(shown)


def _print_tables(result: _Result) -> None:
    page = result.page
    size = f"{page.network.nports} ports, {len(page.network.f)} frequencies"
    out.print(f"{page.network.name}: {size}, by {page.engine} (--engine)", markup=False, soft_wrap=True)
    if page.rows:
        _chain_table(page.network.name or "", page.rows)
    if result.parts:
        _parts_table(result.parts)
    if result.compared:
        _compare_table(result.compared)
    if result.sheet:
        _sheet_table(result.sheet, result.solver)
    for note in result.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    _files("Touchstone", page.touchstone)
    _files("figures", result.figures)


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
    from resonet.cli.sparam_page import Options, Units, check_parts, compare_page, plot_page, readable
    from resonet.cli.sparam_sweep import check_request
    from resonet.netlist.design.folder import load_design

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
    options = Options(layer, program, kind, bus, chain, current, engine, names, tuple(z0 or ()), touchstone, held)
    asked = _Sweep(sweep, tuning_width, tuple(drift or ()))
    result = _block(design, folder, options, tuple(part or ()), limits, asked, tolerance)
    page = result.page
    kinds = kinds or (() if result.figures else ("db",))
    result.figures += plot_page(page.network, page.channels, kinds, folder)
    if compare and measured is not None:
        result.compared, overlay = compare_page(page.network, measured, compare, folder)
        result.figures += overlay
    if metrics:
        from resonet.sparams.sheet import layer_sheet

        solver = engine or "linear"
        result.sheet = layer_sheet(design, layer, program, bus, chain, current or None, solver, result.stand)
        result.solver = solver
    if as_json:
        _print_json(result)
    else:
        _print_tables(result)
    if result.sheet and not result.sheet.passed:
        err.print(f"resonet: layer {layer}: outside its limits", style="red", markup=False)
        raise typer.Exit(1)


COMMAND = Command("look", sparams_command)
