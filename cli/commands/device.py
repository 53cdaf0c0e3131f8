"""`resonet device`: parameters and characteristic of one device, model against SPICE; fits of measurements."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from resonet.cli.options import Json, Preset, only, when
from resonet.cli.registry import Command
from resonet.cli.show import engineering, print_files, print_json, print_table, say, warning
from resonet.core.errors import InputError
from resonet.core.parameters import parameter, parse, shown

__all__ = ["COMMAND"]

SHORT = 20  # characters of a source that may stand in every row
ONE = when(lambda values: values["name"] != "list", "with one device, not the list of all")
CURVE = when(lambda values: not _is_reflection(values["fit"]), "with a measurement of the rectification (.csv)")
REFLECTION = when(lambda values: _is_reflection(values["fit"]), "with a measurement of S11 (.s1p)")


def _is_reflection(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".s1p"


@dataclass(frozen=True, slots=True)
class _Measurement:
    """Options of `resonet device --fit` that have a unit."""

    power: float = parameter(1e-6, "W", 1e-15, 10.0, "RF power in the resonator, such as 1uW")
    bias: float = parameter(1e-6, "A", -1.0, 1.0, "DC current through the resonator, such as 5uA")


def _si(name: str, text: str | None) -> float | None:
    """SI value of such an option."""
    return None if text is None else float(parse(text, _Measurement.__dataclass_fields__[name], f"--{name}"))


def _number(value: float, unit: str) -> str:
    """A value with a prefix, for people."""
    if isinstance(value, int) or unit == "rad":
        return f"{value:.6g} {unit}".strip()
    return engineering(value, unit, 6)


def _fit(
    path: Path, power: str | None, bias: str | None, record: Any, folder: Path
) -> tuple[Any, Any, Any, list[Path]]:
    """Fit, new record with its sources, and what was written: figure and design file."""
    import tomli_w

    from resonet.cli.device_sheet import TunedDiode, fitted_record
    from resonet.core.files import new_file
    from resonet.core.parameters import table_from_record
    from resonet.models.fit.fit import fit_device
    from resonet.report.device_curves import fit_panels
    from resonet.report.device_figures import device_figure
    from resonet.report.style import save

    if not isinstance(record, TunedDiode):
        raise InputError("a measurement is fitted by the resonator; possible: resonet device resonator --fit FILE")
    if power is not None and path.suffix.lower() == ".s1p":
        raise InputError(f"--power {shown(power)}: changes nothing in the fit of S11; possible: --bias")
    if bias is not None and path.suffix.lower() != ".s1p":
        raise InputError(f"--bias {shown(bias)}: changes nothing in the fit of a rectification; possible: --power")
    found = fit_device(path, _si("power", power))
    record, sources = fitted_record(record, found, _si("bias", bias))
    table = table_from_record(record)
    second = {key: table.pop(key) for key in ("f0", "qnl", "nshift", "psi")}
    tables = {"device": table, "auto_oscillator": second, "source": {"device": f"fitted to {path.name}"}}
    design = folder / "fitted.toml"
    with new_file(design) as temporary:
        temporary.write_text(tomli_w.dumps(tables), encoding="utf-8")
    figures = save(device_figure(fit_panels(found), path.name), folder, "fit")
    return found, record, sources, [design, *figures]


def _show_fit(found: Any) -> None:
    rows = [
        (name, f"{_number(entry.value, entry.unit)}", f"{_number(entry.error, entry.unit)}")
        for name, entry in found.estimates.items()
    ]
    title = f"{found.file}: fit of the {found.kind}, R² = {found.r_squared:.6f}, {len(found.frequency)} points"
    print_table(title, {"parameter": "left", "value": "right", "standard error": "right"}, rows)
    for note in found.notes:
        say(f"note: {note}")
    names = list(found.estimates)
    strong = [
        f"{a} and {b} {found.correlation[i, j]:+.2f}"
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j and abs(found.correlation[i, j]) > 0.5
    ]
    if strong:
        say(f"correlations: {', '.join(strong)}")


def device_command(
    name: Annotated[
        str, typer.Argument(help="Device, such as resonator, auto_oscillator, macrospin; `list` names all.")
    ],
    preset: Annotated[Preset, ONE] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help='One parameter, such as --set f0="8 GHz".'), ONE
    ] = None,
    fit: Annotated[
        Path | None, typer.Option(help="Measurement: rectification (.csv) or S11 under bias (.s1p)."), ONE
    ] = None,
    power: Annotated[
        str | None, typer.Option(help="RF power of a .csv that has none, such as 1uW."), only("fit"), CURVE
    ] = None,
    bias: Annotated[
        str | None, typer.Option(help="DC current of the .s1p, such as 5uA."), only("fit"), REFLECTION
    ] = None,
    folder: Annotated[Path, typer.Option("-o", "--out", help="Folder for figures."), ONE] = Path("device"),
    spice: Annotated[bool, typer.Option(help="Compare with ngspice."), ONE] = True,
    as_json: Json = False,
) -> None:
    """Parameters and characteristic of one device, model against SPICE; or fit a measurement.

    Example: resonet device resonator --preset vortex_mtj --fit measured.csv -o device
    """
    from resonet.cli.device_sheet import device_kinds, device_record, parameter_rows
    from resonet.models.presets.preset import list_presets, load_preset
    from resonet.report.device_curves import characteristic
    from resonet.report.device_figures import device_figure
    from resonet.report.style import save

    if name == "list":
        if as_json:
            print_json({"devices": list(device_kinds()), "presets": list_presets()})
            return
        kinds = ((kind, (record.__doc__ or "").splitlines()[0]) for kind, record in device_kinds().items())
        print_table("devices", {"name": "left", "what": "left"}, kinds)
        presets = ((entry, load_preset(entry).title) for entry in list_presets())
        print_table("presets", {"name": "left", "what": "left"}, presets)
        return
    record, sources = device_record(name, preset, settings or ())
    found: Any = None
    files: list[Path] = []
    if fit is not None:
        found, record, more, files = _fit(fit, power, bias, record, folder)
        sources |= more
    rows = parameter_rows(record, sources)
    made = characteristic(name, record, spice)
    title = f"{name}, {load_preset(preset).title}" if preset else name
    if made.panels:
        files += save(device_figure(made.panels, title), folder, name)
    if as_json:
        fitted = found and {
            "kind": found.kind,
            "estimates": {key: asdict(value) for key, value in found.estimates.items()},
            "correlation": found.correlation.tolist(),
            "reduced_chi_square": found.reduced_chi_square,
            "r_squared": found.r_squared,
            "notes": found.notes,
        }
        parameters = [asdict(row) for row in rows]
        shown = {"device": name, "preset": preset, "parameters": parameters, "fit": fitted, "values": made.values}
        print_json(shown | {"model_vs_spice": made.deviation, "allowed": made.limits, "files": files})
        return
    if found is not None:
        _show_fit(found)
    columns = {"parameter": "left", "value": "right", "range": "right", "meaning": "left", "source": "left"}
    often = Counter(row.source for row in rows if len(row.source) > SHORT)
    marks = {source: f"[{n}]" for n, source in enumerate((s for s in often if often[s] > 1), 1)}
    print_table(
        title,
        columns,
        (
            (row.name, _number(row.value, row.unit), f"{row.low:g} ... {row.high:g}", row.doc,
             marks.get(row.source, row.source))
            for row in rows
        ),
    )  # fmt: skip
    for source, mark in marks.items():
        say(f"{mark} {source}")
    if preset:
        say(f"note: {load_preset(preset).note}")
    if made.values:
        print_table("key figures", {"": "left", "value": "right"}, ((k, f"{v:.5g}") for k, v in made.values.items()))
    if made.deviation:
        limits = {what: f"{limit:.0e}" for what, limit in made.limits.items()}
        off = ((what, f"{value:.2e}", limits.get(what, "-")) for what, value in made.deviation.items())
        columns = {"what": "left", "largest difference": "right", "allowed": "right"}
        print_table("model against ngspice", columns, off)
    if files:
        print_files("files", files)
    else:
        warning(f"{name}: no characteristic to draw")


COMMAND = Command("analyse", device_command)
