"""Tables of noise, for the commands that show them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from resonet.api.laws import operating_point
from resonet.cli.show import percent, print_table, say, small_percent

if TYPE_CHECKING:
    from resonet.cosim.cascade.image_run import ImageRun
    from resonet.cosim.noise.budget import LayerBudget
    from resonet.cosim.noise.repeats import NoisyAccuracy
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = [
    "noise_json",
    "noise_row",
    "show_budget",
    "show_reads",
    "tell_noise",
    "tell_worth",
    "with_spread",
]


def _number(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def show_budget(budgets: "Sequence[LayerBudget]") -> None:
    """Noise of every layer by source, and what it leaves of the signal."""
    names = list(dict.fromkeys(name for budget in budgets for name in budget.sources))
    if not names and not any(budget.dulled for budget in budgets):
        return
    columns = {"layer": "left"} | dict.fromkeys((*names, "all"), "right")
    rows = [
        (b.layer, *(f"{1e6 * b.sources[n]:.2g}" if n in b.sources else "-" for n in names), f"{1e6 * b.noise:.3g}")
        for b in budgets
    ]
    if names:
        print_table("noise at the neurons by source, uV rms", columns, rows)
    per_layer = ("lost by\nline width", "signal\nuV rms", "range\nuV", "SNR\ndB", "ENOB\nbit")
    headings = (*per_layer, "worst\nneuron", "its SNR\ndB", "its ENOB\nbit")
    columns = {"layer": "left", "most of the noise": "left"} | dict.fromkeys(headings, "right")
    cells = []
    for b in budgets:
        worst, signal = b.worst, (percent(b.dulled, 1), f"{1e6 * b.signal:.3g}", f"{1e6 * b.full_scale:.3g}")
        own = (_number(worst.snr), _number(worst.enob))
        cells.append((b.layer, b.dominant or "-", *signal, _number(b.snr), _number(b.enob), str(worst.neuron), *own))
    print_table("what it leaves: range over the batch in steps of √12 of the noise", columns, cells)


def with_spread(found: "NoisyAccuracy") -> str:
    """Mean and, of several repeats, what one of them strays."""
    return percent(found.mean) + (f" ± {100 * found.spread:.2f}" if len(found.shares) > 1 else "")


def tell_noise(design: "Design", noisy: "Sequence[NoisyAccuracy]", images: int, linear: bool = True) -> None:
    """At which operating point, and on how many images; of saturating resonators powers are in the table."""
    if not noisy:
        say("noise was not drawn (a large network, or strip lines); possible: --noise", "dim")
        return
    first = noisy[0]
    few = "" if first.images == images else f", the first {first.images:,} images (--noise: all)"
    repeats = f", {len(first.shares)} repeats" if len(first.shares) > 1 else ""
    say(f"with noise: {operating_point(design, power=linear)}{few}{repeats}; seed {first.seed}", "dim")
    if linear and "precession" in design.parameters.noise.chosen:
        say("precession noise of linear resonators: an upper bound; possible: --resonators saturating", "dim")


def noise_row(found: "NoisyAccuracy") -> dict[str, Any]:
    """One of them for scripts."""
    return {"mean": found.mean, "spread": found.spread} | asdict(found)


def noise_json(design: "Design", noisy: "Mapping[Method, NoisyAccuracy]") -> dict[str, Any]:
    """The same for scripts, by program."""
    point = {
        "p_max": design.plan.options.p_max,
        "bandwidth": design.parameters.neuron.bandwidth,
        "integration": design.parameters.neuron.integration,
        "temperature": design.parameters.noise.temperature,
        "sources": design.parameters.noise.sources,
    }
    programs = {m: noise_row(one) for m, one in noisy.items()}
    return {"operating_point": point, "programs": programs}


def show_reads(run: "ImageRun", design: "Design", seed: int) -> None:
    """What noise makes of the sums of an image and of its class."""
    if run.noisy is None:
        return
    stages, scales, wide = run.hardware.design.stages, run.full_scales, any(run.noisy.shift)
    each = zip(stages, run.noisy.noise, run.noisy.shift, scales, strict=True)
    cells = [
        (stage.layer.name, *(small_percent(part / scale) for part in ((rms, shift) if wide else (rms,))))
        for stage, rms, shift, scale in each
    ]
    title = f"noise of the sums in {len(run.noisy.logits):,} reads, RMS, part of full scale"
    columns = {"layer": "left", "with that of the layers before": "right"}
    print_table(title, columns | ({"shift by line width, in every read": "right"} if wide else {}), cells)
    shares = ", ".join(f"{number} in {percent(share)}" for number, share in run.noisy.predicted.items())
    say(f"class with noise: {shares} of the reads; {operating_point(design)}; seed {seed}\n")


def tell_worth(run: "ImageRun", design: "Design") -> None:
    """What an answer of that energy is worth with noise."""
    if run.noisy is None:
        return
    share = run.noisy.predicted.get(run.software.predicted, 0.0)
    reads = len(run.noisy.logits)
    say(f"with noise {percent(share, 0)} of {reads} such reads give the software's class ({operating_point(design)})\n")
