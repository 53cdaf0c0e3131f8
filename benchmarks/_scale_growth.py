"""Cost of every command over the number of resonators: processor time of whole processes, and their peak memory.

    python benchmarks/_scale_growth.py FOLDER               # all sizes; writes scale_growth.png there
    python benchmarks/_scale_growth.py FOLDER NAME ...      # these commands; costs are kept there, for one at a time

Networks are random, with 13,000 to a million weights: three dense layers, and convolutions as in VGG for what only
convolutions have. Costs are held against the resonators that a command works on: of the whole network, of the dense
layer, or of the convolution laid out with all positions at once. A command ends where it takes more than `LIMIT`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _scale_nets import dense_network, images, resonators, vgg
from _show import info, show
from matplotlib import rc_context
from scipy.optimize import least_squares

from resonet.core.types import Array
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, SHARED, SOFTWARE, STYLE, figure, save

__all__ = ["claims", "growth_figure", "measured"]

SIZES = (13_000, 50_000, 200_000, 1_000_000)  # weights
LAID_OUT = (13_000, 50_000, 200_000, 320_000)  # convolutions: a layer laid out has three times as many resonators
SMALL = 2_000  # resonators: what a command takes for anything
LIMIT = 1200  # s of processor time
BAR = 1.1
LEAST = 0.3  # s, below which growth is not to be seen

COMMANDS: dict[str, tuple[str, str, str]] = {  # the network, the layer that it is about, what is run
    "compile": ("dense", "", "compile {net} -o {out}"),
    "status": ("dense", "", "status {out}"),
    "calibrate": ("dense", "", "calibrate {out} --engine linear"),
    "plan": ("dense", "", "plan {out}"),
    "quantise": ("dense", "", "quantise {out} --bits 4"),
    "crosstalk": ("dense", "", "crosstalk {out} --engine linear"),
    "accuracy": ("dense", "", "accuracy {out} --data {data} --engine linear"),
    "levels": ("dense", "", "levels {out} --data {data}"),
    "run": ("dense", "", "run {out} --data {data} --engine two-pass"),
    "layout": ("dense", "", "layout {out}"),
    "sneak, bus": ("dense", "dense2", "sneak {out} --layer dense2 --feed bus --engine linear"),
    "sneak, strip": ("vgg", "conv4", "sneak {out} --layer conv4 --feed stripline"),
    "share": ("vgg", "conv1", "share {out} --layer conv1 --engine linear"),
    "transient": ("dense", "dense2", "transient {out} --layer dense2 --resonators 9"),
    "sparams": ("dense", "dense2", "sparams {out} --layer dense2"),
    "crossbar": ("dense", "dense2", "crossbar {out} --layer dense2 --no-sweep"),
}
QUICK = ("compile", "calibrate", "sneak, bus")  # all of them take longer than a minute
COLOURS = (COUPLED, FORMULA, CALIBRATED, AGGRESSOR, SHARED, SOFTWARE)
MARKS = ("o", "s", "^")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    seconds: float  # of processor time, its children included
    memory: float  # GiB, peak of its largest process
    ended: bool


def cost(arguments: Sequence[str], folder: Path) -> Cost:
    """Run a command in a process of its own."""
    resonet = Path(sys.executable).with_name("resonet")

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))

    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [resonet, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT, preexec_fn=bound
        )
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, child.returncode == 0)


def measured(
    most: int, folder: Path, names: Sequence[str] = tuple(COMMANDS), kept: Path | None = None
) -> dict[str, dict[int, Cost]]:
    """Cost of each command at its first `most` sizes, the small one before; none beyond one that did not end.

    What the file `kept` holds is not measured again, and what is measured goes there.
    """
    makers, found = {"dense": dense_network, "vgg": vgg}, dict[str, dict[int, Cost]]()
    for name, costs in (json.loads(kept.read_text()) if kept and kept.exists() else {}).items():
        found[name] = {int(size): Cost(**one) for size, one in costs.items()}
    for kind in {COMMANDS[name][0] for name in names}:
        images(folder / f"{kind}.npz", kind, 100)
    for step in range(most + 1):
        for name in names:
            kind, _, text = COMMANDS[name]
            size = (SMALL, *(LAID_OUT if name == "sneak, strip" else SIZES))[step]
            places = {"net": f"{kind}_{size}.onnx", "out": f"{kind}_{size}", "data": f"{kind}.npz"}
            if not (folder / places["net"]).exists():
                makers[kind](folder / places["net"], size)
            if name != "compile" and not (folder / places["out"]).exists():
                cost(COMMANDS["compile"][2].format(**places).split(), folder)
            before = found.setdefault(name, {})
            if size not in before and all(one.ended for one in before.values()):
                if size == SMALL:  # another folder first, for nothing: a checkout's first run compiles kernels
                    warm = places | {"out": f"{kind}_warm"}
                    for one in ("compile {net} -o {out}", text):
                        cost(one.format(**warm).split(), folder)
                before[size] = cost(text.format(**places).split(), folder)
                if kept:
                    kept.write_text(json.dumps({n: {k: asdict(v) for k, v in c.items()} for n, c in found.items()}))
    return found


def exponent(costs: Mapping[int, Cost], counts: Mapping[int, int]) -> float | None:
    """P of the processor time a + c n^p over resonators n, all three fitted to logarithms; None where it is flat.

    `a` is what the command takes for anything: the small network has some resonators as well.
    """
    ended = [(counts[size], one.seconds) for size, one in costs.items() if one.ended]
    n, seconds = np.array(sorted(ended)).T
    if len(ended) < 3 or seconds.max() < seconds.min() + 2 * LEAST:
        return None
    n = n / n.max()

    def off(of: Array) -> Array:
        return np.asarray(np.log(of[0] + np.exp(of[1]) * n ** of[2]) - np.log(seconds))

    begin = [0.8 * seconds.min(), np.log(seconds.max() - seconds.min()), 1.0]
    return float(least_squares(off, begin, bounds=([0, -20, 0], [seconds.min(), 20, 3])).x[2])


def _counts(name: str, costs: Mapping[int, Cost]) -> dict[int, int]:
    """Resonators that a command works on, by the weights of the network."""
    kind, layer, _ = COMMANDS[name]
    return {size: resonators(kind, size, layer) for size in costs}


def growth_figure(found: Mapping[str, Mapping[int, Cost]], folder: Path) -> list[Path]:
    """Processor time and peak memory of all commands over the number of resonators."""
    drawn = figure(8.6, 4.6)
    with rc_context(STYLE):
        panels = drawn.subplots(1, 2)
        for axes, key, label in zip(
            panels, ("seconds", "memory"), ("Processor time (s)", "Peak memory (GiB)"), strict=True
        ):
            for n, name in enumerate(COMMANDS):
                costs = found.get(name, {})
                counts = _counts(name, costs)
                points = np.array(
                    [(counts[size], getattr(one, key)) for size, one in costs.items() if size != SMALL and one.ended]
                )
                if len(points):
                    style = {"color": COLOURS[n % 6], "marker": MARKS[n // 6], "ms": 3.5, "lw": 1.1}
                    axes.plot(*points.T, label=name, **style)
            axes.set(xscale="log", xlabel="Resonators that the command works on", ylabel=label)
            if key == "seconds":
                axes.set_yscale("log")
            else:
                axes.set_ylim(0, None)
            axes.set_title(label.split(" (")[0], loc="left", fontweight="bold")
            axes.grid(True)
            axes.set_axisbelow(True)
        low = np.array([13e3, 1e6])
        panels[0].plot(low, 0.7 * low / low[0], ":", color=INK, lw=0.9, label="linear growth")
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    return save(drawn, folder, "scale_growth")


def _print(found: Mapping[str, Mapping[int, Cost]]) -> None:
    for name, unsorted in found.items():
        costs = dict(sorted(unsorted.items()))
        counts = _counts(name, costs)
        last, slope = max(costs), exponent(costs, counts)
        ended = costs[last].ended
        told = "not ended" if not ended else "flat" if slope is None else f"{slope:.2f}"
        if len([size for size, one in costs.items() if size != SMALL and one.ended]) < 2:
            told, ended = "one size ended", False
        first = min(size for size in costs if size != SMALL)
        what = f"{name}: exponent of cost, {counts[first]:,} ... {counts[last]:,} resonators"
        show(what, told, f"<= {BAR}", ended and (slope or 0) <= BAR)
        seconds = ", ".join(f"{one.seconds:.1f}" for one in costs.values())
        sizes = f"weights {SMALL:,} ... {last:,}"
        info(f"  processor time, {sizes}; peak memory", f"{seconds} s; {costs[last].memory:.2f} GiB")
        if COMMANDS[name][0] == "vgg" and slope is not None:
            info("  exponent over the weights of the network", f"{exponent(costs, {n: n for n in costs}):.2f}")


def claims(quick: bool) -> None:
    """Exponents of all commands; `quick` takes two networks, and a few commands."""
    names = QUICK if quick else tuple(COMMANDS)
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(2 if quick else 4, Path(scratch), names)
        _print(found)
        if not quick:
            figures = growth_figure(found, Path(tempfile.gettempdir()))
            info("  figure", figures[0].name)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    everything = measured(4, place, sys.argv[2:] or tuple(COMMANDS), place / "costs.json")
    _print(everything)
    growth_figure(everything, place)
