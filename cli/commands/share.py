"""`resonet share`: what a parallel convolution loses by sharing its tuning currents."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.numbers import numbers
from resonet.cli.options import Data, Folder, Json, WeightEngine
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.calibration.shared import SharedCalibration
    from resonet.cosim.weights.held import HeldWeights

__all__ = ["COMMAND"]


def _plain(found: "SharedCalibration") -> dict[str, Any]:
    return {spec.name: getattr(found, spec.name) for spec in fields(found) if spec.name != "weights"}


def share_command(
    folder: Folder,
    layer: Annotated[str, typer.Option("--layer", help="Convolution, as `resonet compile` names it.")],
    spread: Annotated[str, typer.Option(help="Fabrication spread of f_res, half-widths; one or several.")] = "0.01,0.1",
    lever: Annotated[float, typer.Option(help="Spread of the tuning lines' lever, relative.")] = 0.0,
    loss: Annotated[float, typer.Option(help="RF power lost along a strip line, dB.")] = 0.0,
    data: Data = None,
    seed: Annotated[int, typer.Option(help="Of the spread.")] = 1,
    engine: WeightEngine = "auto",
    as_json: Json = False,
) -> None:
    """Shared tuning currents of a parallel convolution, against one for each resonator.

    Example: resonet share build --layer conv1 --spread 0.01,0.03,0.1 --data test.npz
    """
    from resonet.cosim.calibration.quantised import calibrated_weights
    from resonet.cosim.calibration.shared import SharingOptions, calibrate_shared
    from resonet.cosim.weights.checks import joined
    from resonet.cosim.weights.engines import find_engine
    from resonet.cosim.weights.inference import accuracy
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.design.folder import load_design
    from resonet.report.sharing_figures import sharing_figure
    from resonet.report.style import save

    run = find_engine(engine)
    spreads = numbers(spread, float, "--spread", "0.01,0.1")
    options = [
        [SharingOptions(spread=s, lever_spread=lever, line_loss=loss, seed=seed, shared=shared) for s in spreads]
        for shared in (True, False)
    ]
    run = run.with_budget(run.budget / (2 * len(spreads) + 1))
    design = load_design(folder)
    entry = design.plan.layer(layer)
    design.require_bus("share", None if data else (layer,))
    images = design.images(data) if data else None
    if images is not None and not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    with progress("tuning currents", 2 * len(spreads)) as done:
        calibrated = calibrated_weights(design, run) if images is not None else {}
        effective: dict[str, HeldWeights] = {**calibrated}
        software = SoftwareLogits(design.cnn, images.images) if images is not None else None
        found: list[list[SharedCalibration]] = []
        shares: list[list[float | None]] = []
        for row in options:
            found.append([])
            shares.append([])
            for choice in row:
                one = calibrate_shared(design.plan, entry, run, choice)
                found[-1].append(one)
                held = effective | {layer: one.weights}
                shares[-1].append(
                    accuracy(design, held, images, software=software).circuit if images is not None else None
                )
                done()
    together, alone = found
    checked = joined([one.witness for row in found for one in row] + [one.witness for one in calibrated.values()])
    curves = ([one.rms_before for one in together], [one.rms for one in together], [one.rms for one in alone])
    known = tuple([share for share in row if share is not None] for row in shares)
    drawn = sharing_figure(layer, spreads, curves, (known[0], known[1]) if images is not None else None)
    figures = save(drawn, folder / "report", f"sharing_{layer}")
    if as_json:
        rows_json = [
            _plain(one) | {"spread": s, "shared": shared, "accuracy": share}
            for shared, row, part in zip((True, False), found, shares, strict=True)
            for s, one, share in zip(spreads, row, part, strict=True)
        ]
        print_json({"results": rows_json, **witness_json(engine, checked), "figures": figures})
        return
    first = together[0]
    title = (
        f"{layer}: {first.resonators:,} resonators at {first.positions} positions in {first.phases} phases, "
        f"{first.unknowns:,} shared tuning currents (errors: part of the largest weight)"
    )
    columns = {"spread, half-widths": "left"}
    headings = ("RMS\nbefore", "RMS\nshared", "RMS\neach", "worst\nneuron", "its RMS")
    columns |= dict.fromkeys((*headings, "accuracy\nshared", "accuracy\neach"), "right")
    rows = [
        (
            f"{s:g}",
            percent(a.rms_before),
            percent(a.rms),
            small_percent(b.rms),
            str(a.worst_neuron),
            percent(a.neuron_error),
            percent(shares[0][n]),
            percent(shares[1][n]),
        )
        for n, (s, a, b) in enumerate(zip(spreads, together, alone, strict=True))
    ]
    print_table(title, columns, rows)
    tell_engine(engine, checked)
    print_files("figures", figures)


COMMAND = Command("design", share_command)
