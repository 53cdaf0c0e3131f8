"""`resonet accuracy`: software against circuit on the same images."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonet.cli.chips import (
    ChipSeed,
    CornerOption,
    SampleOption,
    chip_held,
    chosen_chip,
    refuse_beside_chip,
)
from resonet.cli.noise_tables import noise_json, tell_noise, warn_of_noise, with_spread
from resonet.cli.options import Folder, Jobs, Json, ProgramsToo, WeightEngine, when, with_decks
from resonet.cli.registry import Command
from resonet.cli.saturating import (
    BalanceOption,
    FitImages,
    PowerList,
    ResonatorLaw,
    refuse_linear_fitted,
    show_saturating_accuracy,
)
from resonet.cli.show import answer, percent, print_files, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json, witness_of
from resonet.core.validity import warn

if TYPE_CHECKING:
    from resonet.cosim.noise.noisy import NoisyWeights
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = ["COMMAND"]

MUCH_CLIPPED = 0.01  # share of a layer's inputs from which on a warning is due
NO_CHIP = when(
    lambda found: found["sample"] is None and found["corner"] is None,
    "without --corner and --sample, which have no noise; --chip-seed is the chip's",
)


def _show_heads(found: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
    """Deviations of each output, where there are several."""
    rows = [
        (name, method, small_percent(rms), small_percent(largest))
        for method, heads in found.items()
        for name, (rms, largest) in heads.items()
    ]
    if rows:
        columns = {"output": "left", "program": "left"} | dict.fromkeys(("off\nRMS", "off\nlargest"), "right")
        print_table("each output, part of its own largest value; the first tells the class", columns, rows)


def show_clipped(shares: Mapping[str, Mapping[str, float]], images: int) -> None:
    """Layers some of whose inputs are cut off, by program, if there are any."""
    layers = [layer for layer, share in worst_clipped(shares).items() if share > 0]
    if layers:
        columns = {"layer": "left"} | dict.fromkeys(shares, "right")
        rows = [(layer, *(small_percent(own[layer]) for own in shares.values())) for layer in layers]
        print_table(f"inputs of {images:,} images beyond what the tones carry, cut off", columns, rows)


def worst_clipped(shares: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Of each layer, the largest share of its inputs that a program cuts off; `shares` by program and layer."""
    return {layer: max(own[layer] for own in shares.values()) for layer in next(iter(shares.values()))}


def _noisy_lines(
    design: "Design", method: "Method", held: "Mapping[str, RfWeights]", seed: int
) -> "dict[str, NoisyWeights] | None":
    """Weights with noise of a design with layers on strip lines, as `run` has them; None where all are on buses."""
    from resonet.cosim.cascade.hardware import parallel_hardware

    return parallel_hardware(design, method, held=held).noisy(seed) if design.fed_by("stripline") else None


def warn_clipped(design: "Design", clipped: Mapping[str, float]) -> None:
    """Warn (inputs-clipped) of layers of whose inputs more than `MUCH_CLIPPED` are cut off."""
    for name, share in clipped.items():
        if share > MUCH_CLIPPED:
            scale = design.scales[name]
            warn(
                "inputs-clipped",
                f"layer {name}: {percent(share)} of its inputs lie beyond {0 - scale.offset:g} ... "
                f"{scale.full_scale - scale.offset:g}, which its tones carry, and are cut off; possible: compile with "
                "--calibration, or with --input-range of these images",
                share,
                MUCH_CLIPPED,
            )


def accuracy_command(
    folder: Folder,
    data: Annotated[Path, typer.Option("--data", help="Labelled images: .npz with images [n, ...] and labels [n].")],
    program: ProgramsToo = "all",
    engine: WeightEngine = "auto",
    resonators: ResonatorLaw = "linear",
    p_max: PowerList = None,
    fit: FitImages = None,
    balance: BalanceOption = None,
    jobs: Annotated[Jobs, with_decks] = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Noise in the reads of all images, not of the first thousand.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the noise."), NO_CHIP] = 1,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=1000, help="How often every image is read, for the spread.")
    ] = 1,
    corner: CornerOption = None,
    sample: SampleOption = None,
    chip_seed: ChipSeed = 1,
    as_json: Json = False,
) -> None:
    """Software against circuit accuracy on the same images, without noise and with that of [noise] and [neuron].

    Of one chip (--corner, --sample) as programmed, without noise.

    Example: resonet accuracy build --data test.npz --noise --repeat 3

    Example: resonet accuracy build --data test.npz --resonators saturating --p-max "2 nW,50 nW" --fit calibration.npz
    """
    from resonet.cli.fitted import fitted, show_fitted
    from resonet.cli.pages import accuracy_page
    from resonet.cosim.feed.feeds import chosen_programs
    from resonet.cosim.feed.store import count_steps, stored_programs
    from resonet.cosim.noise.repeats import FEW, Reads, noisy_accuracy
    from resonet.cosim.weights.engines import find_engine
    from resonet.cosim.weights.inference import accuracy as measure
    from resonet.cosim.weights.inference import diode_accuracy
    from resonet.cosim.weights.maxima import has_maxima, warn_maximum
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.network.chance import check_chance
    from resonet.netlist.network.forward import classes

    refuse_linear_fitted(program, resonators)
    design = load_design(folder)
    chip = chosen_chip(design, corner, sample, chip_seed)
    if chip is not None:
        refuse_beside_chip(resonators, noise, repeat)
    images = design.images(data)
    reads = Reads(seed, repeat, None if noise else FEW)
    if resonators == "saturating":
        show_saturating_accuracy(folder, design, images, program, engine, jobs, p_max, fit, balance, reads, as_json)
        return
    methods = chosen_programs(design, program)
    layers = [entry.layer.name for entry in design.plan.layers]
    chosen = find_engine(engine)
    with progress("weights", len(methods) * count_steps(design, layers)) as done:
        if chip is None:
            effective = stored_programs(folder, design, methods, layers, jobs, done, chosen)
        else:
            effective = {m: chip_held(design, m, chip, engine) for m in methods}
    checked = witness_of(one for held in effective.values() for one in held.values())
    few = None if chip is not None else reads.of(design, images)
    through = (1 + (2 if has_maxima(design.built) else 1) * len(methods)) * -(-len(images.images) // 500)
    through += len(methods) * repeat * -(-len(few.images) // 500) if few else 0
    with progress("images through the circuit", through) as done:
        software = SoftwareLogits(design.cnn, images.images, done)
        found = {m: measure(design, effective[m], images, done, software) for m in methods}
        diodes = {m: diode_accuracy(design, effective[m], images, software.values, done) for m in methods}
        own = classes(software.values, design.cnn.ranked)
        noisy = {
            m: noisy_accuracy(design, held, few, own, seed, repeat, None, done, _noisy_lines(design, m, held, seed))
            for m, held in effective.items()
            if few is not None
        }
    pooled = {m: made for m, made in diodes.items() if made}
    first = next(iter(found.values()))
    check_chance(design.cnn, data, images, software.values)
    warn_of_noise(design, first.software, {m: found[m].circuit for m in methods}, noisy)
    shares = {"software": first.software} | {f"circuit, {m}": found[m].circuit for m in methods}
    shares |= {f"{m}, with noise": made.mean for m, made in noisy.items()}
    cut = {str(m): found[m].clipped for m in methods}
    warn_clipped(design, worst_clipped(cut))
    for made in list(pooled.values())[-1:]:
        for pool in made.pools:
            more = (
                f"here {percent(pool.rms)} rms and {percent(pool.largest)} at most, counted where it says diode maxima"
            )
            warn_maximum(pool.layer, pool.inputs, pool.bound, pool.full_scale, more)
    figures = accuracy_page(folder, shares, first.images) if chip is None else []  # those are of the design
    shown: dict[str, float] = {"images": first.images, "software": first.software}
    shown |= {f"circuit_{m}": found[m].circuit for m in methods}
    shown |= {f"same_class_{m}": found[m].same_class for m in methods}
    shown |= {f"logit_rms_{m}": found[m].logit_rms for m in methods}
    shown |= {f"logit_max_{m}": found[m].logit_max for m in methods}
    heads = {m: {name: {"rms": o[0], "max": o[1]} for name, o in found[m].heads.items()} for m in methods}
    shown |= {f"diode_maxima_{m}": made.circuit for m, made in pooled.items()}
    pools = {m: [asdict(pool) for pool in made.pools] for m, made in pooled.items()}
    page = {"accuracy": shown, "heads": heads, "clipped": worst_clipped(cut), "clipped_by_program": cut}
    page |= {"neurons": fitted(design), "maxima": pools}
    page["noise"] = noise_json(design, noisy)
    page["arithmetic"] = {m: found[m].arithmetic for m in methods}
    about = {} if chip is None else {"chip": chip.told}
    if answer(as_json, page | about | witness_json(engine, checked) | {"figures": figures}):
        return
    rows = [("software", percent(first.software), "-", "-", "-")]
    for m in methods:
        one = found[m]
        logits = (small_percent(one.logit_rms), small_percent(one.logit_max))
        rows.append((f"circuit, {m}", percent(one.circuit), percent(one.same_class), *logits))
    for m, made in pooled.items():
        rows.append((f"{m}, diode maxima", percent(made.circuit), percent(made.same_class), "-", "-"))
    headings = ("accuracy", "same class\nas software", "logits off\nRMS", "logits off\nlargest")
    columns = {"network": "left"} | dict.fromkeys(headings, "right")
    for m, noise_of in noisy.items():
        rows.append((f"{m}, with noise", with_spread(noise_of), percent(noise_of.same_class), "-", "-"))
    print_table(f"{images.file}: {first.images:,} images", columns, rows)
    if chip is None:
        tell_noise(design, list(noisy.values()), first.images)
        tell_engine(engine, checked)
    else:
        say(f"one chip, {chip.told}: as programmed, without noise", "dim")
    for how in dict.fromkeys(found[m].arithmetic for m in methods):
        say(f"outputs of {', '.join(m for m in methods if found[m].arithmetic == how)}: {how}", "dim")
    _show_heads({m: found[m].heads for m in methods})
    show_clipped(cut, first.images)
    show_fitted(design)
    if chip is None:
        print_files("figures", figures)


COMMAND = Command("simulate", accuracy_command, then="report {folder}")
