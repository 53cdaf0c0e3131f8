"""Commands with resonators that saturate: what they may be asked, and what `accuracy` and `calibrate` show of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.noise_tables import noise_row, tell_noise, warn_of_noise, with_spread
from resonet.cli.options import only
from resonet.cli.show import answer, engineering, percent, print_json, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json, witness_of
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.cascade.hardware import Hardware
    from resonet.cosim.noise.repeats import Reads
    from resonet.cosim.saturation.accuracy import SaturatingAccuracy
    from resonet.cosim.saturation.data_fit import DataFit
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.design.design import Design
    from resonet.netlist.network.images import ImageSet
    from resonet.netlist.programming.methods import Method

__all__ = [
    "BalanceOption",
    "FitImages",
    "PowerList",
    "ResonatorLaw",
    "calibrate_on_data",
    "refuse_linear_fitted",
    "saturated",
    "saturating_held",
    "show_saturating_accuracy",
]

ResonatorLaw = Annotated[
    Literal["linear", "saturating"],
    typer.Option(
        "--resonators", help="linear, or saturating: with the law of [saturation], every tone on every other."
    ),
]
PowerList = Annotated[
    str | None,
    typer.Option("--p-max", help='At these tone powers, such as "2 nW,50 nW" (default: plan.p_max).'),
    only("resonators", "saturating"),
]
FitImages = Annotated[
    Path | None,
    typer.Option("--fit", help="Also with gains, and detunings, that are fitted on these images (.npz)."),
    only("resonators", "saturating"),
]
BalanceOption = Annotated[
    Literal["fast", "full"] | None,
    typer.Option("--balance", help="Tails of the tones expanded, or all solved (default: fast)."),
    only("resonators", "saturating"),
]


def refuse_linear_fitted(program: str, resonators: str) -> None:
    """InputError for a fitted program of linear resonators: it holds no weights."""
    if program == "fitted" and resonators == "linear":
        raise InputError("program fitted is of saturating resonators; possible: --resonators saturating")


def saturated(hardware: "Hardware", program: str) -> "Hardware":
    """Parallel hardware whose resonators saturate; a warning for a program that was fitted for something else."""
    from resonet.cosim.saturation.accuracy import warn_fitted_elsewhere

    if program == "fitted":
        warn_fitted_elsewhere(hardware.holder)
    return hardware.saturated()


def _powers(text: str | None) -> tuple[float, ...]:
    from dataclasses import fields

    from resonet.core.parameters import check_value, parse
    from resonet.netlist.planning.frequency_plan import PlanOptions

    spec = next(spec for spec in fields(PlanOptions) if spec.name == "p_max")
    found = tuple(float(parse(part.strip(), spec, "--p-max")) for part in text.split(",")) if text else ()
    for value in found:
        check_value(value, spec, "--p-max")
    return found


def saturating_held(
    folder: Path, design: "Design", program: str, engine: str, jobs: int | None = None
) -> "tuple[Method, dict[str, RfWeights]]":
    """What the layers of one program hold for vanishing powers; of `all`, of the last. Raises InputError."""
    from resonet.cosim.feed.feeds import chosen_programs
    from resonet.cosim.feed.store import count_steps, stored_programs
    from resonet.cosim.weights.effective import network_weights
    from resonet.cosim.weights.engines import find_engine, linear

    if program == "fitted":
        return "fitted", dict(network_weights(design, "fitted", linear))
    method = chosen_programs(design, program)[-1]
    layers = [entry.layer.name for entry in design.plan.layers]
    with progress("weights", count_steps(design, layers)) as done:
        return method, stored_programs(folder, design, (method,), layers, jobs, done, find_engine(engine))[method]


def show_saturating_accuracy(
    folder: Path,
    design: "Design",
    images: "ImageSet",
    program: str,
    engine: str,
    jobs: int | None,
    p_max: str | None,
    fit: Path | None,
    balance: Literal["fast", "full"] | None,
    reads: "Reads",
    as_json: bool,
) -> None:
    """`accuracy --resonators saturating`."""
    from resonet.cosim.cascade.hardware import saturating_hardware
    from resonet.cosim.saturation.accuracy import at_power, saturating_accuracy
    from resonet.cosim.saturation.tables import check_engine
    from resonet.cosim.weights.engines import find_engine
    from resonet.cosim.weights.inference import check_labels
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.network.forward import classes

    check_engine(find_engine(engine))
    lines = design.fed_by("stripline")
    if lines and fit:
        design.require_bus("--fit", None, "without it")
    powers, calibration = _powers(p_max), design.images(fit) if fit else None
    method, held = saturating_held(folder, design, program, engine, jobs)
    checked = witness_of(held.values())
    steps = -(-len(images.images) // 500)
    few = reads.of(design, images)
    noisy = reads.repeats * -(-len(few.images) // 500) if few else 0
    variants = max(len(powers), 1) * (3 if fit else 1)
    with progress("images through the circuit", steps + variants * (steps + noisy)) as done:
        software = SoftwareLogits(design.cnn, images.images, done).values
        check_labels(images, software, design.cnn.ranked)
        own = classes(software, design.cnn.ranked)
        made = (calibration, find_engine(engine), balance, None, done)
        saturate = saturating_hardware(method, held, balance) if lines else None
        found = saturating_accuracy(design, held, images, own, powers, *made, reads, saturate)
    share = float((own == images.labels).mean())
    for power in dict.fromkeys(one.p_max for one in found):
        here = {one.variant: one for one in found if one.p_max == power}
        noisy_here = {name: one.noisy for name, one in here.items() if one.noisy}
        warn_of_noise(at_power(design, power), share, {name: one.circuit for name, one in here.items()}, noisy_here)
    law = design.parameters.saturation
    page: dict[str, Any] = {"images": len(images.images), "software": share, "program": method}
    page |= {"nonlinear_damping": law.nonlinear_damping, "frequency_shift": law.frequency_shift}
    page["saturating"] = [_row(one) for one in found]
    if answer(as_json, {"accuracy": page} | witness_json(engine, checked)):
        return
    columns = {"network": "left"} | dict.fromkeys(
        ("p_max", "accuracy", "same class\nas software", "with noise"), "right"
    )
    rows = [("software", "-", percent(share), "-", "-")]
    for one in found:
        shares = (percent(one.circuit), percent(one.same_class), with_spread(one.noisy) if one.noisy else "-")
        rows.append((one.variant, engineering(one.p_max, "W"), *shares))
    print_table(f"{images.file}: {len(images.images):,} images, saturating resonators", columns, rows)
    tell_noise(design, [one.noisy for one in found if one.noisy], len(images.images), linear=False)
    if "linewidth" in design.parameters.noise.chosen:
        say("line widths of the neurons' oscillators count in every column; [noise] sources has them", "dim")
    tell_engine(engine, checked)
    off = max(one.checked for one in found)
    if found[0].balance == "fast":
        say(f"fast balance: outputs within {small_percent(off)} of the full one, on the first 5 images", "dim")
    for one in found:
        if one.fit is not None and one.variant.endswith("data"):
            _show_fit(one.fit, f"fitted on {one.fit.images} images at {engineering(one.p_max, 'W')}")


def _row(one: "SaturatingAccuracy") -> dict[str, Any]:
    row: dict[str, Any] = {"p_max": one.p_max, "variant": one.variant, "circuit": one.circuit}
    row |= {"same_class": one.same_class, "balance": one.balance, "off_full_balance": one.checked}
    row |= {"noise": noise_row(one.noisy)} if one.noisy else {}
    return row | ({"fit": _fit_rows(one.fit)} if one.fit else {})


def _fit_rows(fit: "DataFit") -> list[dict[str, Any]]:
    keys = ("layer", "gain", "ridge", "unknowns", "equations", "steps", "moved", "programmed", "gained", "fitted")
    return [{key: getattr(layer, key) for key in keys} for layer in fit.layers]


def _show_fit(fit: "DataFit", title: str) -> None:
    closed = "predetuned" if any(one.weights.table.law.frequency_shift for one in fit.layers) else "one gain"
    headings = ("gain", "moved\nhalf-widths", "unknowns", "equations", "as\nprogrammed", closed, "fitted")
    columns = {"layer": "left"} | dict.fromkeys((*headings, f"held out:\n{closed}", "fitted "), "right")
    rows = [
        (
            one.layer,
            f"{one.gain:.3f}",
            f"{one.moved:.3f}",
            str(one.unknowns),
            f"{one.equations:,}",
            *(small_percent(errors[0]) for errors in (one.programmed, one.gained, one.fitted)),
            *(small_percent(errors[1]) for errors in (one.gained, one.fitted)),
        )
        for one in fit.layers
    ]
    print_table(f"{title}, {fit.held_out} held out: sums off, RMS, part of the largest", columns, rows)


def calibrate_on_data(folder: Path, data: Path, start: "Method | None", as_json: bool) -> None:
    """`calibrate --on-data`: fit the program `fitted` and store it."""
    from resonet.cosim.saturation.data_fit import fit_on_data
    from resonet.cosim.saturation.fit import FitOptions
    from resonet.cosim.saturation.held import saturating_weights
    from resonet.cosim.weights.effective import network_weights
    from resonet.cosim.weights.engines import linear
    from resonet.netlist.design.folder import load_design, write_fitted

    design = load_design(folder)
    design.require_bus("calibrate --on-data")
    images, options = design.images(data), FitOptions()
    begin: Method = start or ("calibrated" if "calibrated" in design.programs else "coupled")
    weights = saturating_weights(design, network_weights(design, begin, linear), wide=True)
    with progress("fit", len(weights) * options.steps) as done:
        fit = fit_on_data(design, weights, images.images, options, done)
    made = fit.design(design, begin)
    write_fitted(made, folder)
    p_max = design.plan.options.p_max
    if as_json:
        print_json(
            {"program": "fitted", "start": begin, "p_max": p_max, "images": fit.images, "layers": _fit_rows(fit)}
        )
        return
    _show_fit(fit, f"{design.cnn.file}: fitted on {fit.images} images at {engineering(p_max, 'W')}, from {begin}")
    say(f"program fitted is in {folder}: resonet accuracy --resonators saturating --program fitted")
