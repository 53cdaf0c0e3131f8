"""Cost of every command over the number of resonators: processor time of whole processes, and their peak memory.

    python benchmarks/_scale_growth.py FOLDER    # all sizes; writes scale_growth.png there

Networks are random, with 13,000 to a million weights: three dense layers, and convolutions as in VGG for what only
convolutions have. A command ends where it takes more than `LIMIT`.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _scale_nets import dense_network, images, vgg
from _show import info, show
from matplotlib import rc_context

from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, SHARED, SOFTWARE, STYLE, figure, save

__all__ = ["claims", "growth_figure", "measured"]

SIZES = (13_000, 50_000, 200_000, 1_000_000)
SMALL = 2_000  # resonators: what a command takes for anything
LIMIT = 1200  # s of processor time
BAR = 1.1
LEAST = 0.3  # s beyond that of the small network, below which growth is not to be seen

COMMANDS: dict[str, tuple[str, str]] = {
    "compile": ("dense", "compile {net} -o {out}"),
    "status": ("dense", "status {out}"),
    "calibrate": ("dense", "calibrate {out} --engine linear"),
    "plan": ("dense", "plan {out}"),
    "quantise": ("dense", "quantise {out} --bits 4"),
    "crosstalk": ("dense", "crosstalk {out} --engine linear"),
    "accuracy": ("dense", "accuracy {out} --data {data} --engine linear"),
    "levels": ("dense", "levels {out} --data {data}"),
    "run": ("dense", "run {out} --data {data} --engine two-pass"),
    "layout": ("dense", "layout {out}"),
    "sneak, bus": ("dense", "sneak {out} --layer dense2 --feed bus"),
    "sneak, strip": ("vgg", "sneak {out} --layer conv4 --feed stripline"),
    "share": ("vgg", "share {out} --layer conv1"),
    "transient": ("dense", "transient {out} --layer dense2 --resonators 9"),
    "sparams": ("dense", "sparams {out} --layer dense2"),
    "crossbar": ("dense", "crossbar {out} --layer dense2 --no-sweep"),
}
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


def measured(sizes: Sequence[int], folder: Path, names: Sequence[str] = tuple(COMMANDS)) -> dict[str, dict[int, Cost]]:
    """Cost of each command at each size, the small one first; nothing beyond the first size that did not end."""
    makers, found = {"dense": dense_network, "vgg": vgg}, dict[str, dict[int, Cost]]()
    for kind in {COMMANDS[name][0] for name in names}:
        images(folder / f"{kind}.npz", kind, 100)
    for size in (SMALL, *sizes):
        for name in names:
            kind, text = COMMANDS[name]
            places = {"net": f"{kind}_{size}.onnx", "out": f"{kind}_{size}", "data": f"{kind}.npz"}
            if not (folder / places["net"]).exists():
                makers[kind](folder / places["net"], size)
            if name != "compile" and not (folder / places["out"]).exists():
                cost(COMMANDS["compile"][1].format(**places).split(), folder)
            before = found.setdefault(name, {})
            if all(one.ended for one in before.values()):
                before[size] = cost(text.format(**places).split(), folder)
    return found


def exponent(costs: Mapping[int, Cost]) -> float | None:
    """Slope of processor time over resonators, both logarithmic; None where it never takes longer than a small one."""
    base = costs[SMALL].seconds
    points = [(n, one.seconds - base) for n, one in costs.items() if n != SMALL and one.ended]
    taken = np.array([point for point in points if point[1] > LEAST])
    if len(taken) < 2:
        return None
    n, seconds = np.log(taken).T
    return float(np.polyfit(n, seconds, 1)[0])


def growth_figure(found: Mapping[str, Mapping[int, Cost]], folder: Path) -> list[Path]:
    """Processor time and peak memory of all commands over the number of resonators."""
    drawn = figure(8.6, 4.6)
    with rc_context(STYLE):
        panels = drawn.subplots(1, 2)
        for axes, key, label in zip(
            panels, ("seconds", "memory"), ("Processor time (s)", "Peak memory (GiB)"), strict=True
        ):
            for n, (name, costs) in enumerate(found.items()):
                points = np.array(
                    [(size, getattr(one, key)) for size, one in costs.items() if size != SMALL and one.ended]
                )
                if len(points):
                    style = {"color": COLOURS[n % 6], "marker": MARKS[n // 6], "ms": 3.5, "lw": 1.1}
                    axes.plot(*points.T, label=name, **style)
            axes.set(xscale="log", xlabel="Resonators", ylabel=label)
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
    for name, costs in found.items():
        last, slope = max(costs), exponent(costs)
        ended = costs[last].ended
        told = "not ended" if not ended else "flat" if slope is None else f"{slope:.2f}"
        if len([size for size, one in costs.items() if size != SMALL and one.ended]) < 2:
            told, ended = "one size ended", False
        show(f"{name}: exponent of cost, {min(SIZES):,} ... {last:,}", told, f"<= {BAR}", ended and (slope or 0) <= BAR)
        seconds = ", ".join(f"{one.seconds:.1f}" for one in costs.values())
        info(f"  processor time, {SMALL:,} ... {last:,}; peak memory", f"{seconds} s; {costs[last].memory:.2f} GiB")


def claims(quick: bool) -> None:
    """Exponents of all commands; `quick` takes the two smallest networks, and the commands that are fast there."""
    slow = ("plan", "sneak, strip", "crossbar", "share")
    names = [name for name in COMMANDS if not (quick and name in slow)]
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(SIZES[:2] if quick else SIZES, Path(scratch), names)
        _print(found)
        if not quick:
            figures = growth_figure(found, Path(tempfile.gettempdir()))
            info("  figure", figures[0].name)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    everything = measured(SIZES, place)
    _print(everything)
    growth_figure(everything, place)
