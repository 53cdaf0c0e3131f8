"""`resonet sparams`: S-parameters of a layer's blocks, their figures, metrics and comparison with measurements."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from resonet.cli.show import err, out, print_json, print_table, progress

if TYPE_CHECKING:
    from skrf import Network

    from resonet.cli.sparam_page import Options
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method
    from resonet.sparams.build import Stand
    from resonet.sparams.measured import FittedPart
    from resonet.sparams.sheet import LayerSheet

__all__ = ["sparams_command"]

PANEL = "Beyond the chain's two-port"


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
            f"{20 * np.log10(max(part.data_gain, 1e-300)):+.3f} dB",
            "as fitted" if part.passive_before else f"enforced (RMS {part.fit_error:.1e} before)",
        )
        for part in parts
    )
    print_table("measured parts: rational models", columns, rows)


def _sheet_table(sheet: "LayerSheet") -> None:
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
    print_table(f"{sheet.layer}, bus {sheet.bus}: channels (isolation: of adjacent inputs)", heads, rows)
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
    judged = ((v.name, f"{v.found:.4g}", f"{v.limit:.4g}", "pass" if v.passed else "FAIL") for v in sheet.verdicts)
    print_table("limits ([limits] of design.toml)", verdicts, judged)


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

    network: "Network"
    touchstone: list[Path]
    figures: list[Path]
    notes: list[str]
    warnings: list[tuple[str, str]] = field(default_factory=list)  # code, text: how files were read and fitted
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)  # of the plain chain
    ports: list[dict[str, Any]] = field(default_factory=list)
    parts: "list[FittedPart]" = field(default_factory=list)
    compared: dict[str, Any] | None = None
    sheet: "LayerSheet | None" = None
    stand: "Stand | None" = None


def _plain(
    design: "Design",
    folder: Path,
    layer: str,
    method: "Method",
    chain: int,
    bus: str | None,
    bias: float,
    limits: tuple[float | None, float | None, int],
) -> _Result:
    """The chain's two-port by ngspice `.sp`, without and with bias."""
    from resonet.cli.pages import chain_page
    from resonet.sparams.chain import find_bus

    channels = find_bus(design, layer, bus).frequencies
    sweep = limits[0] or 0.5 * float(channels.min()), limits[1] or 1.25 * float(channels.max()), limits[2]
    page = chain_page(design, folder, layer, method, chain, bus, bias, sweep)
    level = 20 * np.log10(np.abs(page.network.s))
    at = [int(np.abs(page.network.f - f).argmin()) for f in page.channels]
    rows = [
        (float(f), float(r), float(level[n, 1, 0]), float(level[n, 0, 0]))
        for f, r, n in zip(page.channels, page.resonances, at, strict=True)
    ]
    return _Result(page.network, list(page.touchstone), list(page.figures), list(page.notes), rows=rows)


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
    from resonet.cli.sparam_page import block_page, layer_parts, sweep_page
    from resonet.sparams.measured import STEPS

    with progress("fit measured parts", STEPS * len(parts)) as done:
        stand, fitted = layer_parts(design, options.layer, options.bus, parts, tolerance, done)
    page = block_page(design, folder, options, stand, limits)
    figures = []
    if sweep.text:
        figures = sweep_page(design, folder, page, options, stand, sweep.text, sweep.width, sweep.drift)
    named = [{"name": port.name, "impedance": port.impedance} for port in page.block.ports]
    said = [note for part in fitted for note in part.notes]
    return _Result(page.network, page.touchstone, figures, page.notes, said, ports=named, parts=fitted, stand=stand)


def _print_json(result: _Result) -> None:
    from resonet.cli.sparam_page import sheet_json

    shown: dict[str, Any] = {"name": result.network.name}
    if result.rows:
        keys = ("channel_hz", "resonance_hz", "s21_db", "s11_db")
        shown["channels"] = [dict(zip(keys, row, strict=True)) for row in result.rows]
    else:
        numbers = ("name", "rms_error", "max_error", "fit_error", "passive_before", "data_gain", "change", "ended")
        shown["ports"] = result.ports
        shown["parts"] = [{key: getattr(part, key) for key in numbers} for part in result.parts]
    shown |= {"touchstone": result.touchstone, "figures": result.figures, "notes": result.notes}
    if result.warnings:
        shown["warnings"] = [{"code": code, "text": text} for code, text in result.warnings]
    if result.compared:
        shown["compare"] = result.compared
    if result.sheet:
        shown["metrics"] = sheet_json(result.sheet)
    print_json(shown)


def _print_tables(result: _Result) -> None:
    network = result.network
    if result.rows:
        _chain_table(network.name or "", result.rows)
    else:
        out.print(f"{network.name}: {network.nports} ports, {len(network.f)} frequencies", markup=False)
    if result.parts:
        _parts_table(result.parts)
    if result.compared:
        _compare_table(result.compared)
    if result.sheet:
        _sheet_table(result.sheet)
    for note in result.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    for code, text in result.warnings:
        out.print(f"warning [{code}]: {text}", markup=False, soft_wrap=True)
    _files("Touchstone", result.touchstone)
    _files("figures", result.figures)


def sparams_command(
    folder: Annotated[Path, typer.Argument(help="Design folder that `resonet compile` wrote.")],
    layer: Annotated[str, typer.Option("--layer", help="Layer, as `resonet compile` names it: conv1, dense1, ...")],
    chain: Annotated[int, typer.Option(min=0, help="Chain on its bus.")] = 0,
    bus: Annotated[str | None, typer.Option(help="Bus, such as t0 (default: the layer's first).")] = None,
    bias: Annotated[str, typer.Option(help="DC current through the chain, such as 5uA.")] = "0 A",
    start: Annotated[str | None, typer.Option(help="Lowest frequency, such as 0.5GHz.")] = None,
    stop: Annotated[str | None, typer.Option(help="Highest frequency, such as 25GHz.")] = None,
    points: Annotated[int, typer.Option(min=1, help="Frequencies per decade.")] = 1000,
    program: Annotated[
        Literal["coupled", "formula", "calibrated"],
        typer.Option("--program", help="How the resonators are programmed."),
    ] = "coupled",
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
        Literal["linear", "ngspice", "scikit-rf"] | None, typer.Option(help="Who computes.", rich_help_panel=PANEL)
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
    ] = "0.1dB",
    plot: Annotated[
        list[str] | None,
        typer.Option(help="Figure: db, phase, smith, delay, isolation; waterfall with --sweep.", rich_help_panel=PANEL),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="bias=0:10uA:21, tuning=0:20mA:41 or temperature=250:350:11.", rich_help_panel=PANEL),
    ] = None,
    tuning_width: Annotated[
        str, typer.Option(help="Width of the tuning line, which sets its field.", rich_help_panel=PANEL)
    ] = "1um",
    drift: Annotated[
        list[str] | None,
        typer.Option(help="Change per kelvin: tcf=-1e-4, tcr=, tcq=, tck=.", rich_help_panel=PANEL),
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")] = False,
) -> None:
    """S-parameters of a chain or another block, as Touchstone and figures; metrics; measured parts; comparison.

    Without --block, --engine, --ports, --z0, --part and --sweep: the chain's two-port by ngspice. Exit status 1 if a
    limit of --metrics fails. Example: resonet sparams build --layer conv1 --bias 5uA --plot smith --metrics
    """
    from resonet.cli.sparam_page import Units, check_request, compare_page, plot_page, readable
    from resonet.netlist.design.folder import load_design
    from resonet.sparams.chain import find_bus

    design = load_design(folder)
    channels = np.asarray(find_bus(design, layer, bus).frequencies, float)
    if plot and "waterfall" in plot and not sweep:
        raise typer.BadParameter("a waterfall needs --sweep, such as --sweep tuning=0:20mA:41", param_hint="--plot")
    current = Units.si("bias", bias)
    limits = Units.si("start", start) if start else None, Units.si("stop", stop) if stop else None, points
    plain = not (block or engine or ports or z0 or part or sweep) and touchstone == "1"
    kinds = tuple(kind for kind in plot or () if kind != "waterfall")
    check_request(kinds, sweep, tuple(drift or ()), tuning_width)
    tolerance = Units.si("tolerance", passive_tolerance)
    measured, said = readable(compare) if compare else (None, [])
    if plain:
        result = _plain(design, folder, layer, program, chain, bus, current, limits)
    else:
        from resonet.cli.sparam_page import Options

        names = tuple(name.strip() for name in ports.split(",")) if ports else ()
        kind, solver = block or "chain", engine or "linear"
        options = Options(layer, program, kind, bus, chain, current, solver, names, tuple(z0 or ()), touchstone)
        result = _block(
            design,
            folder,
            options,
            tuple(part or ()),
            limits,
            _Sweep(sweep, tuning_width, tuple(drift or ())),
            tolerance,
        )
        kinds = kinds or (() if sweep else ("db",))
    result.figures += plot_page(result.network, channels, kinds, folder)
    if compare and measured is not None:
        result.compared, overlay = compare_page(result.network, measured, compare, folder)
        result.warnings += said + [(note["code"], note["text"]) for note in result.compared.pop("notes")]
        result.figures += overlay
    if metrics:
        from resonet.sparams.sheet import layer_sheet

        stand = result.stand
        result.sheet = layer_sheet(design, layer, program, bus, chain, current or None, engine or "linear", stand)
    if as_json:
        _print_json(result)
    else:
        _print_tables(result)
    if result.sheet and not result.sheet.passed:
        err.print(f"resonet: layer {layer}: outside its limits", style="red", markup=False)
        raise typer.Exit(1)
