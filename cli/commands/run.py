"""`resonet run`: one image in, logits out, by every engine, with settling times and energy."""

import math
import time
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.api.laws import refuse_linear_fitted, saturated
from resonet.cli.noise_tables import show_reads, tell_worth
from resonet.cli.numbers import numbers
from resonet.cli.options import FittedToo, Folder, Json, Neurons, only
from resonet.cli.registry import Command
from resonet.cli.saturating import ResonatorLaw
from resonet.cli.show import answer, engineering, print_files, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json, witness_of
from resonet.core.errors import InputError
from resonet.core.validity import warn

if TYPE_CHECKING:
    from resonet.cosim.cascade.energy_budget import Energy
    from resonet.cosim.cascade.image_run import ImageRun
    from resonet.netlist.network.cnn import Cnn

__all__ = ["COMMAND"]

MUCH_INTERFERENCE = 0.01  # of full scale, rms
MOST_CLASSES = 20  # rows of the table of logits
FEW_READS = 20  # with noise, where nobody asks for more: what the energy is worth
ASSUMPTIONS = (
    "assumed here: devices {oscillator:g} uA x {resistance:g} Ohm, p_max {p_max:g} nW, supply {supply:g} V, class-A "
    "amplifiers of {efficiency:g} % always at their full output; everything on from the start of the image until all "
    "logits stay within 1 %; not counted: programming, how the pixels' tones are made, readout",
    "literature: Ross et al., Nature Nanotechnology 18, 1273 (2023), estimate for a network of junctions of 20 nm, "
    "smaller and faster than the devices here unless the design says so; not a measurement",
)


def _parse_stop(text: str | None) -> float:
    from resonet.core.parameters import parse
    from resonet.cosim.cascade.image_run import RunOptions

    spec = next(spec for spec in fields(RunOptions) if spec.name == "stop")
    return float(parse(text, spec, "--stop")) if text else 0.0


def _part(cnn: "Cnn", text: str | None) -> "tuple[Cnn | None, str]":
    """The slice that is asked for, and its name in files; None where the whole network is."""
    from resonet.netlist.cascade.slices import network_slice

    if not text:
        return None, "network"
    found = numbers(text, int, "--slice", "1,2,3")
    if len(found) not in (3, 4):
        raise typer.BadParameter(
            f"{text[:60]!r}: ROW,COLUMN,OUTPUTS or ROW,COLUMN,OUTPUTS,INPUTS, such as 1,2,3", param_hint="--slice"
        )
    row, column, outputs, *inputs = found
    part = network_slice(cnn, outputs, (row, column), inputs[0] if inputs else None)
    return part, "slice_" + "_".join(map(str, found))


def _logits(run: "ImageRun", title: str, classes: bool) -> None:
    """Logits by engine; the largest first where there are many."""
    columns = {"class" if classes else "sum": "left", "software": "right"} | dict.fromkeys(run.answers, "right")
    everyone = [run.software, *run.answers.values()]
    heads = run.hardware.cnn.heads if classes else ()
    names = [f"{name} {n}" for name, count in heads for n in range(count)]
    rows = list(range(len(run.software.logits)))
    if len(rows) > MOST_CLASSES:
        rows = sorted(rows, key=lambda c: -run.software.logits[c])[:MOST_CLASSES]
    cells = [(names[row] if names else str(row), *(f"{one.logits[row]:.4f}" for one in everyone)) for row in rows]
    if classes:
        cells.append(("class", *(str(one.predicted) for one in everyone)))
    print_table(title, columns, cells)


def _deviations(run: "ImageRun") -> None:
    from resonet.cosim.cascade.image_run import deviations

    columns = {"layer": "left", "neurons": "right", "full scale": "right"}
    columns |= {"engine": "left", "RMS": "right", "largest": "right"}
    cells = []
    for one in deviations(run):
        numbers = (small_percent(one.rms), small_percent(one.largest))
        cells.append((one.layer, f"{one.neurons:,}", f"{one.full_scale:.4g}", one.engine, *numbers))
    print_table("weighted sums against the software's, part of full scale", columns, cells)


def _settling(run: "ImageRun") -> None:
    measured, analytic = ("sums\n1 %", "outputs\n1 %"), ("resonator", "DC\nside", "of it\ngm", "slowest\nDC")
    columns = {"layer": "left"} | dict.fromkeys((*measured, *analytic, "osc. at\nclamp", "osc. at\nI_th"), "right")
    cells = []
    for stage in run.settling:
        c = stage.constants
        times = (stage.sums, stage.outputs, c.resonator, c.dc, c.transconductor, c.slowest_dc)
        oscillator = ("-", "-") if not c.threshold else (f"{1e9 * c.oscillator:.1f}", f"{1e9 * c.threshold:.1f}")
        cells.append((stage.layer, *(f"{1e9 * t:.1f}" for t in times), *oscillator))
    print_table("settling from the start of the image, and the analytic time constants, ns", columns, cells)
    say(f"latency {1e9 * run.latency:.1f} ns (all logits within 1 %), steps of {1e9 * run.step:.3g} ns\n")


def _joule(value: float) -> str:
    """Energy with an SI prefix, or a dash for none."""
    return "-" if not value or math.isnan(value) else engineering(value, "J")


def _assumptions(run: "ImageRun") -> None:
    options, plan = run.hardware.levels.stages[0].options, run.hardware.design.plan
    numbers = {
        "oscillator": 1e6 * options.threshold_current,
        "resistance": options.resistance,
        "p_max": 1e9 * plan.options.p_max,
        "supply": options.supply,
        "efficiency": 100 * options.efficiency,
    }
    for line in ASSUMPTIONS:
        say(line.format(**numbers))
    say("")


def _energy(found: "Energy") -> None:
    from resonet.cosim.cascade.energy_budget import LITERATURE

    kinds: tuple[str, ...] = ("resonators", "sources", "drive", "read", "amplifiers", "maxima")
    kinds += ("tuning",) if any(s.tuning for s in found.stages) else ()
    headings = (
        "syn-\napses",
        "neu-\nrons",
        "RF in\nreson.",
        "RF of\nsources",
        "drive",
        "read",
        "ampli-\nfiers",
        *kinds[5:],
    )
    columns = {"layer": "left"} | dict.fromkeys(headings, "right")
    cells = [
        (s.layer, f"{s.synapses:,}", f"{s.neurons:,}", *(_joule(getattr(s, kind)) for kind in kinds))
        for s in found.stages
    ]
    sums = (_joule(sum(getattr(s, kind) for s in found.stages)) for kind in kinds)
    counts = (f"{sum(getattr(s, kind) for s in found.stages):,}" for kind in ("synapses", "neurons"))
    cells.append(("all", *counts, *sums))
    print_table(f"energy of the image in {1e9 * found.time:.1f} ns; drawn in all {_joule(found.total)}", columns, cells)
    columns = {"operation": "left", "device": "right", "with what is around it": "right", "literature": "right"}
    rows = (
        ("synapse", found.per_synapse, found.per_synapse_with_sources),
        ("neuron", found.per_oscillator, found.per_neuron),
    )
    cells = [(name, _joule(bare), _joule(whole), _joule(LITERATURE[name])) for name, bare, whole in rows]
    print_table("per operation: RF in the resonator and from the sources; oscillator and all supplies", columns, cells)


def _times(run: "ImageRun", prepared: float) -> None:
    slowest = max(answer.seconds for answer in run.answers.values())
    cells = [("levels and programs", f"{prepared:.3g} s", "-")]
    cells += [
        (engine, f"{answer.seconds:.3g} s", f"{slowest / answer.seconds:,.0f}")
        for engine, answer in run.answers.items()
    ]
    print_table("wall time", {"what": "left", "time": "right", "times faster than the slowest": "right"}, cells)


def _json(run: "ImageRun", label: int | None, prepared: float) -> dict[str, Any]:
    from resonet.cosim.cascade.energy_budget import LITERATURE
    from resonet.cosim.cascade.image_run import deviations

    found: dict[str, Any] = {
        "label": label,
        "logits": {"software": run.software.logits.tolist()}
        | {engine: answer.logits.tolist() for engine, answer in run.answers.items()},
        "outputs": dict(run.hardware.cnn.heads),
        "predicted": {"software": run.software.predicted}
        | {engine: answer.predicted for engine, answer in run.answers.items()},
        "layers": [asdict(one) for one in deviations(run)],
        "interference": run.interference,
        "seconds": {"prepare": prepared} | {engine: answer.seconds for engine, answer in run.answers.items()},
    }
    if run.noisy is not None:
        reads, predicted = len(run.noisy.logits), run.noisy.predicted
        logits = {"mean": run.noisy.logits.mean(0).tolist(), "spread": run.noisy.logits.std(0).tolist()}
        found["noise"] = {"reads": reads, "predicted": predicted, "logits": logits, "sums_rms": run.noisy.noise}
        found["noise"]["line_width_shift_rms"] = run.noisy.shift
    if run.energy is None:
        return found
    per = ("per_synapse", "per_synapse_with_sources", "per_oscillator", "per_neuron")
    numbers = {name: getattr(run.energy, name) for name in (*per, "total")}
    return found | {
        "stop": run.stop,
        "step": run.step,
        "latency": run.latency,
        "unsettled": run.unsettled,
        "settling": [asdict(stage) for stage in run.settling],
        "energy": asdict(run.energy) | numbers,
        "literature": LITERATURE,
    }


def _figures(run: "ImageRun", folder: Path, name: str) -> list[Path]:
    from resonet.report.neuron_figures import energy_figure, settling_figure
    from resonet.report.style import save

    if run.envelope is None or run.energy is None:
        return []
    return save(settling_figure(run), folder / "report", f"settling_{name}") + save(
        energy_figure(run.energy), folder / "report", f"energy_{name}"
    )


def warn_of_run(run: "ImageRun") -> None:
    """Warn of what still moves at the end (unsettled), and of layers in which strip lines beat (interference)."""
    from resonet.cosim.cascade.image_run import STILL

    if run.unsettled:
        slowest = max(stage.sums for stage in run.settling)
        text = "something still moves in the last fifth of --stop, so it may not have settled; possible: a longer one"
        warn("unsettled", text, slowest, STILL * run.stop, "s")
    for layer, beating in run.interference.items():
        if beating > MUCH_INTERFERENCE:
            text = (
                f"layer {layer}: strip lines of one frequency beat in its resonators, which the two passes leave out: "
                "this much of full scale rms, over their phases; possible: more tone classes (larger kernels), more "
                "geometry.pitch_x, the layer on a bus (feed.layers)"
            )
            warn("interference", text, beating, MUCH_INTERFERENCE)


def run_command(
    folder: Folder,
    image: Annotated[int, typer.Option("--image", min=0, help="Which image of the set, from 0.")] = 0,
    data: Annotated[Path | None, typer.Option("--data", help="Images (.npz; default: shipped ones that fit).")] = None,
    neurons: Neurons = None,
    program: FittedToo = "calibrated",
    engine: Annotated[
        str, typer.Option("--engine", help="Any of two-pass,envelope,fixed_step,transient; the last takes minutes.")
    ] = "two-pass,envelope",
    stop: Annotated[
        str | None,
        typer.Option("--stop", help="End of all but the two passes (default: 8 slowest time constants)."),
        only("engine", "envelope", "fixed_step", "transient"),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--slice", help="ROW,COLUMN,OUTPUTS[,INPUTS]: one position of the second convolution."),
    ] = None,
    points: Annotated[
        float,
        typer.Option(help="Of fixed_step and transient: time points per period of the highest tone."),
        only("engine", "fixed_step", "transient"),
    ] = 12.0,
    weights: Annotated[
        str,
        typer.Option("--weights-by", help="Engine of the weights: auto (linear, checked by ngspice), linear, ngspice."),
    ] = "auto",
    resonators: ResonatorLaw = "linear",
    noise: Annotated[bool, typer.Option("--noise", help="The two passes with noise, many times.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the noise."), only("noise")] = 1,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=100_000, help="How often with noise."), only("noise")
    ] = 100,
    as_json: Json = False,
) -> None:
    """One image through the whole cascade: logits, sums of every layer, settling times, energy.

    The layers are built in parallel: every position has chains and neurons of its own, and nothing leaves the analogue
    domain between the pixels and the logits.

    Example: resonet run build --image 3 --engine two-pass,fixed_step --stop "500 ns"
    """
    from resonet.api.shipped import images_for
    from resonet.cosim.cascade.image_run import RunOptions, prepare, run_image
    from resonet.cosim.cascade.stage_maxima import warn_maxima
    from resonet.cosim.feed.store import stored_effective_weights
    from resonet.cosim.weights.engines import find_engine
    from resonet.netlist.design.folder import load_design

    refuse_linear_fitted(program, resonators)
    engines: Any = tuple(dict.fromkeys(name.strip() for name in engine.split(",") if name.strip()))
    if resonators == "saturating" and set(engines) != {"two-pass"}:
        raise InputError(f"--resonators saturating with the engines {engine:.60}; possible: --engine two-pass")
    design = load_design(folder)
    cut, what = _part(design.cnn, part)
    reads = repeat if noise else FEW_READS if cut is None else 0
    options = RunOptions(engines, _parse_stop(stop), points, reads=reads, seed=seed)
    images = images_for(design, data, "test")
    if image >= len(images.images):
        raise InputError(f"{images.file}: no image {image}; possible: 0 ... {len(images.images) - 1}")
    start = time.perf_counter()
    chosen = find_engine(weights)
    held = partial(stored_effective_weights, folder, design, program, engine=chosen)
    hardware = prepare(design, program, neurons, images.images, engines, cut, chosen, held)
    if resonators == "saturating":
        hardware = saturated(hardware, program)
    checked = witness_of(hardware.held.values())
    prepared = time.perf_counter() - start
    name = f"{what}_image{image}"
    steps = len(engines) + ("envelope" in engines) * len(hardware.design.stages)
    decks = folder / "decks" / program
    with progress(f"image {image}, {', '.join(engines)}", steps) as done:
        run = run_image(hardware, images.images, image, options, name, decks, done)
    warn_of_run(run)
    units = [float(stage.unit.max()) for stage in hardware.levels.stages]
    warn_maxima(hardware.levels, (run.full_scales * units).tolist())
    figures = _figures(run, folder, name)
    written = [decks / f"{name}.cir"] if run.transient else []
    label = int(images.labels[image]) if images.labels.size and cut is None else None
    page = {"image": image, "program": program, "resonators": resonators, **_json(run, label, prepared)}
    page |= {"weights": witness_json(weights, checked), "decks": written, "figures": figures}
    if answer(as_json, page):
        return
    kinds = ", ".join(dict.fromkeys(link.kind for own in hardware.levels.stages for link in own.links)) or "no"
    known = "" if label is None else f" (label {label})"
    law = ", saturating resonators" if resonators == "saturating" else ""
    title = f"{design.cnn.file}, image {image} of {images.file}{known}: program {program}, {kinds} neurons{law}"
    _logits(run, title, cut is None)
    _deviations(run)
    if noise:
        show_reads(run, design, seed)
    if run.energy:
        _settling(run)
        _energy(run.energy)
        tell_worth(run, design)
        _assumptions(run)
    tell_engine(weights, checked)
    _times(run, prepared)
    for heading, paths in (("decks", written), ("figures", figures)):
        print_files(heading, paths)


COMMAND = Command("simulate", run_command)
