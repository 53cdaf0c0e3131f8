"""Commands with resonators that saturate: what they may be asked, and what `accuracy` and `calibrate` show of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.noise_tables import noise_row, tell_noise, with_spread
from resonet.cli.options import only
from resonet.cli.show import answer, engineering, percent, print_json, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json

if TYPE_CHECKING:
    from resonet.api.accuracies import Accuracies
    from resonet.cosim.saturation.accuracy import SaturatingAccuracy
    from resonet.cosim.saturation.data_fit import DataFit
    from resonet.netlist.programming.methods import Method

__all__ = [
    "BalanceOption",
    "FitImages",
    "PowerList",
    "ResonatorLaw",
    "calibrate_on_data",
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


def show_saturating_accuracy(found: "Accuracies", as_json: bool) -> None:
    """`accuracy --resonators saturating`."""
    design, images, law = found.design, found.images, found.design.parameters.saturation
    page: dict[str, Any] = {"images": images, "software": found.software, "program": found.program}
    page |= {"nonlinear_damping": law.nonlinear_damping, "frequency_shift": law.frequency_shift}
    page["saturating"] = [_row(one) for one in found.saturating]
    if answer(as_json, {"accuracy": page} | witness_json(found.engine, found.witness)):
        return
    columns = {"network": "left"} | dict.fromkeys(
        ("p_max", "accuracy", "same class\nas software", "with noise"), "right"
    )
    rows = [("software", "-", percent(found.software), "-", "-")]
    for one in found.saturating:
        shares = (percent(one.circuit), percent(one.same_class), with_spread(one.noisy) if one.noisy else "-")
        rows.append((one.variant, engineering(one.p_max, "W"), *shares))
    print_table(f"{found.data.file}: {images:,} images, saturating resonators", columns, rows)
    tell_noise(design, [one.noisy for one in found.saturating if one.noisy], images, linear=False)
    if "linewidth" in design.parameters.noise.chosen:
        say("line widths of the neurons' oscillators count in every column; [noise] sources has them", "dim")
    tell_engine(found.engine, found.witness)
    off = max(one.checked for one in found.saturating)
    if found.saturating[0].balance == "fast":
        say(f"fast balance: outputs within {small_percent(off)} of the full one, on the first 5 images", "dim")
    for one in found.saturating:
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
