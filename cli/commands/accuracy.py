"""`resonet accuracy`: software against circuit on the same images."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resonet.cli.chips import ChipSeed, CornerOption, SampleOption
from resonet.cli.noise_tables import noise_json, tell_noise, with_spread
from resonet.cli.options import Folder, Jobs, Json, ProgramsToo, WeightEngine, when, with_decks
from resonet.cli.registry import Command
from resonet.cli.saturating import (
    BalanceOption,
    FitImages,
    PowerList,
    ResonatorLaw,
    show_saturating_accuracy,
)
from resonet.cli.show import answer, percent, print_files, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json

__all__ = ["COMMAND"]

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


def _show_clipped(shares: Mapping[str, float]) -> None:
    """Layers some of whose inputs are cut off, if there are any."""
    rows = [(layer, small_percent(share)) for layer, share in shares.items() if share > 0]
    if rows:
        columns = {"layer": "left", "inputs": "right"}
        print_table("inputs beyond what the tones carry, cut off", columns, rows)


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
    from resonet.api.accuracies import accuracy
    from resonet.api.designs import load
    from resonet.cli.fitted import fitted, show_fitted
    from resonet.cli.pages import accuracy_page

    design = load(folder)
    seen = accuracy(
        design, data, program=program, engine=engine, resonators=resonators, p_max=p_max, fit=fit, balance=balance,
        noise=noise, seed=seed, repeat=repeat, corner=corner, sample=sample, chip_seed=chip_seed, jobs=jobs,
        progress=progress,
    )  # fmt: skip
    if resonators == "saturating":
        show_saturating_accuracy(seen, as_json)
        return
    found, noisy, pooled, chip = seen.programs, seen.noisy, seen.diodes, seen.chip
    methods, first, checked = tuple(found), next(iter(found.values())), seen.witness
    shares = {"software": first.software} | {f"circuit, {m}": found[m].circuit for m in methods}
    shares |= {f"{m}, with noise": made.mean for m, made in noisy.items()}
    figures = accuracy_page(folder, shares, first.images) if chip is None else []  # those are of the design
    shown: dict[str, float] = {"images": first.images, "software": first.software}
    shown |= {f"circuit_{m}": found[m].circuit for m in methods}
    shown |= {f"same_class_{m}": found[m].same_class for m in methods}
    shown |= {f"logit_rms_{m}": found[m].logit_rms for m in methods}
    shown |= {f"logit_max_{m}": found[m].logit_max for m in methods}
    heads = {m: {name: {"rms": o[0], "max": o[1]} for name, o in found[m].heads.items()} for m in methods}
    shown |= {f"diode_maxima_{m}": made.circuit for m, made in pooled.items()}
    pools = {m: [asdict(pool) for pool in made.pools] for m, made in pooled.items()}
    page = {"accuracy": shown, "heads": heads, "clipped": first.clipped, "neurons": fitted(design), "maxima": pools}
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
    print_table(f"{seen.data.file}: {first.images:,} images", columns, rows)
    if chip is None:
        tell_noise(design, list(noisy.values()), first.images)
        tell_engine(engine, checked)
    else:
        say(f"one chip, {chip.told}: as programmed, without noise", "dim")
    for how in dict.fromkeys(found[m].arithmetic for m in methods):
        say(f"outputs of {', '.join(m for m in methods if found[m].arithmetic == how)}: {how}", "dim")
    _show_heads({m: found[m].heads for m in methods})
    _show_clipped(first.clipped)
    show_fitted(design)
    if chip is None:
        print_files("figures", figures)


COMMAND = Command("simulate", accuracy_command, then="report {folder}")
