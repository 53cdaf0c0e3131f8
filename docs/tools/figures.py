"""Draw the figures of docs/theory/figures.md as SVG, from the functions that the simulator itself uses.

python docs/tools/figures.py             # all, into docs/theory/figures/
python docs/tools/figures.py FOLDER      # elsewhere
"""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.models.circuit import BusCircuit, bus_currents, johnson, tone_levels
from resonet.models.resonator import (
    Saturation,
    SpinDiode,
    balance_tones,
    precession_density,
    resonance_for_detuning,
    solve_chains,
    thermal_power,
)
from resonet.models.resonator.chain import Chains, chain_answers
from resonet.models.resonator.linear import published_law, rectified_per_watt, susceptibility

HERE = Path(__file__).resolve().parents[1] / "theory" / "figures"
DEVICE = SpinDiode()
BLUE, RED, GREY, GREEN = "#2563a8", "#b8432f", "#6b7280", "#3a7d44"
STRAY = 1e-15  # F, of each node of the chain in the figure of the two passes: 50 times the default, so that it is seen
BANDWIDTH = 10e3  # Hz, of the neuron in the figure of the noise


def rectification(axes: Axes) -> None:
    """What one resonator of 5 GHz rectifies: near it the published law, far from it not."""
    near = np.linspace(4.4e9, 5.6e9, 1201)
    exact, law = (of(near, 5e9, DEVICE) / DEVICE.sensitivity for of in (rectified_per_watt, published_law))
    axes.plot(near / 1e9, exact, color=BLUE, label="circuit, exact")
    axes.plot(near / 1e9, law, "--", color=RED, label="published law")
    axes.axvspan(4.95, 5.05, color=GREY, alpha=0.15, lw=0, label="linewidth: every weight once")
    axes.set(xlabel="tone, GHz", ylabel="rectified voltage / (K_SD P)")
    axes.legend(loc="lower right")
    far = axes.inset_axes((0.06, 0.52, 0.36, 0.36))
    f = np.geomspace(1e9, 20e9, 801)
    far.loglog(f / 1e9, np.abs(rectified_per_watt(f, 5e9, DEVICE)) / DEVICE.sensitivity, color=BLUE)
    far.loglog(f / 1e9, np.abs(published_law(f, 5e9, DEVICE)) / DEVICE.sensitivity, "--", color=RED)
    far.set_xticks([1, 5, 20], ["1", "5", "20"])
    far.set_title("magnitude, 1-20 GHz", fontsize=7)
    far.tick_params(labelsize=7)


def superposition(axes: Axes) -> None:
    """A chain of five: the answer of each resonator, and their sum, which holds the weights."""
    tones = np.geomspace(3e9, 6e9, 5)
    weights = np.array([[0.6, -0.4, 0.7, -0.2, -0.6]])
    chains = Chains(tones, np.where(np.arange(5) % 2, -1.0, 1.0), DEVICE.damping)
    detuning, worst = solve_chains(weights, chains)
    if worst.max() > 1e-9 or not np.allclose(chain_answers(detuning, chains), weights, atol=1e-8):
        raise RuntimeError(f"the chain of the figure misses its weights by {worst.max():.1e}")
    f = np.linspace(2.6e9, 6.6e9, 2001)
    resonances = resonance_for_detuning(tones, detuning[0], DEVICE.damping)
    each = chains.signs[:, None] * rectified_per_watt(f, resonances[:, None], DEVICE) / DEVICE.sensitivity
    axes.plot(f / 1e9, each.T, color=GREY, lw=0.8)
    axes.plot(f / 1e9, each.sum(0), color=BLUE, label="sum over the chain")
    axes.plot(tones / 1e9, weights[0], "o", color=RED, label="weights, at the tones")
    axes.plot([], [], color=GREY, lw=0.8, label="each resonator")
    axes.set(xlabel="tone, GHz", ylabel="voltage / (K_SD P)")
    axes.legend(loc="upper right", ncols=3)
    axes.set_ylim(-1.5, 1.9)


def _grid(axes: Axes, x: float, title: str, cell: Callable[[float, float, int], None]) -> None:
    """Three inputs from the left, three outputs downwards."""
    for n in range(3):
        axes.plot([x - 0.6, x + 2.5], [n, n], color="black", lw=1)
        axes.plot([x + n, x + n], [-0.7, 2.4], color="black", lw=1)
        for m in range(3):
            cell(x + m, n, 2 - n)
    axes.text(x + 1, 3.1, title, ha="center", weight="bold")


def sneak_path(axes: Axes) -> None:
    """The same current on a wrong way: what it does in a crossbar, and in resonators."""

    def junction(x: float, y: float, _line: int) -> None:
        axes.plot([x], [y], "s", ms=11, color="white", mec="black")

    def resonator(x: float, y: float, line: int) -> None:
        axes.plot([x], [y], "o", ms=13, color=(BLUE, GREEN, RED)[line], alpha=0.75)

    _grid(axes, 0, "resistive crossbar", junction)
    _grid(axes, 5.5, "resonators, one tone a line", resonator)
    for x in (0.0, 5.5):
        way = np.array([[x - 0.6, 2.12], [x + 0.88, 2.12], [x + 0.88, 1.12], [x + 1.88, 1.12], [x + 1.88, -0.6]])
        axes.plot(*way.T, "--", color="black", lw=1.4)
        axes.annotate("", way[-1], way[-2], arrowprops={"arrowstyle": "->", "linestyle": "--"})
    for n, name in enumerate(("f₃", "f₂", "f₁")):
        axes.text(-1.0, n, f"V{'₃₂₁'[n]}", ha="center", va="center")
        axes.text(4.5, n, name, ha="center", va="center", color=(RED, GREEN, BLUE)[n])
    axes.text(1, -1.35, "a voltage counts in every\njunction that it reaches", ha="center", va="center")
    axes.text(6.5, -1.35, "f₁ is hardly rectified by\nresonators of f₂ and f₃", ha="center", va="center")
    axes.set(xlim=(-1.5, 8.7), ylim=(-1.9, 3.5), aspect="equal")
    axes.axis("off")


def saturation(axes: Axes) -> None:
    """The largest rectified voltage over the power, alone and beside a second tone as strong."""
    power = np.geomspace(1e-10, 1e-6, 41)
    f0, tone = 5e9, 5e9 * (1 + DEVICE.damping)
    for count, colour, name in ((1, BLUE, "one tone"), (2, RED, "and a second one, 6.4 half-widths off")):
        tones = np.array([tone, 5e9 * (1 - 5.4 * DEVICE.damping)])[:count]
        powers = np.repeat(power[:, None], count, 1)
        found = balance_tones(DEVICE, Saturation(), f0, tones, 2 / DEVICE.resistance, powers)
        linear = rectified_per_watt(tones, f0, DEVICE).sum()
        axes.semilogx(power * 1e9, found.voltages[:, 0] / (power * linear), color=colour, label=name)
    for nw, name in ((2, "default"), (DEVICE.threshold_power * 1e9, "½ I_th² R0")):
        axes.axvline(nw, color=GREY, lw=0.8, ls=":")
        axes.text(nw * 1.08, 0.08, name, color=GREY)
    axes.set(xlabel="power of each tone, nW", ylabel="rectified voltage / linear law", ylim=(0, 1.05))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.15))


def noise(axes: Axes) -> None:
    """Signal of one resonator on its weight of 0.8 over the power, and what it drowns in, at 10 kHz."""
    power = np.geomspace(1e-10, 1e-6, 81)
    f0, hot = 5e9, float(thermal_power(DEVICE.damping, DEVICE.threshold_current))
    tone = f0 * (1 + 0.5 * DEVICE.damping)
    signal = power * float(rectified_per_watt(tone, f0, DEVICE))
    still = np.sqrt(johnson(DEVICE.resistance, 300.0) * BANDWIDTH) * np.ones_like(power)
    linear = np.sqrt(precession_density(DEVICE, tone, f0, power, hot) * BANDWIDTH)
    axes.loglog(power * 1e9, signal * 1e6, color=BLUE, label="signal, linear law (as P)")
    axes.loglog(power * 1e9, linear * 1e6, color=RED, label="precession (as √P)")
    axes.loglog(power * 1e9, still * 1e6, color=GREY, label="Johnson (constant)")
    axes.set(xlabel="power of the tone, nW", ylabel="μV, rms in 10 kHz")
    axes.legend(loc="upper left")


def two_passes(figure: Figure) -> None:
    """A chain of nine on a bus, nodes of 1 fF: currents, what they rectify, and the sums: the effective weights."""
    count, bus = 9, BusCircuit(node_capacitance=STRAY)
    tones = np.geomspace(8e9, 4e9, count)
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    weights = np.random.default_rng(2).uniform(-0.8, 0.8, (1, count))
    detuning, _ = solve_chains(weights, Chains(tones, signs, DEVICE.damping))
    resonances = resonance_for_detuning(tones, detuning[0], DEVICE.damping)
    levels = tone_levels(tones, DEVICE.resistance, 1, bus)
    current = bus_currents(tones, DEVICE.resistance, count, 1, bus) * levels[:, None]  # A/√W [tones, resonators]
    chi = susceptibility(tones[:, None], resonances, DEVICE.damping)
    rectified = signs * 0.5 * np.real(current * np.conj(DEVICE.transduction * chi * current)) / DEVICE.sensitivity
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
    of = left.imshow(100 * np.abs(current) / np.sqrt(2 / DEVICE.resistance), cmap="viridis")
    figure.colorbar(of, ax=left, shrink=0.6, label="|i|, % of nominal")
    left.set(title="1. RF pass", xlabel="resonator", ylabel="tone")
    of = middle.imshow(rectified, cmap="RdBu", vmin=-1, vmax=1)
    figure.colorbar(of, ax=middle, shrink=0.6, label="V / (K_SD P)")
    middle.set(title="2. rectify", xlabel="resonator", ylabel="tone")
    right.barh(np.arange(count), rectified.sum(1), color=BLUE, alpha=0.6, label="W_eff")
    right.plot(weights[0], np.arange(count), "o", color=RED, label="trained")
    right.set(title="3. DC pass: sum of each row", xlabel="V / (K_SD P)", yticks=[], xlim=(-1.05, 1.05))
    right.invert_yaxis()
    right.legend(loc="lower right")


FIGURES: dict[str, tuple[Callable[[Axes], None], tuple[float, float]]] = {
    "rectification": (rectification, (7, 3.6)),
    "superposition": (superposition, (7, 3.6)),
    "sneak_path": (sneak_path, (7, 3.7)),
    "saturation": (saturation, (7, 3.4)),
    "noise": (noise, (7, 3.6)),
}


def _save(figure: Figure, folder: Path, name: str) -> None:
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None}, facecolor="white")


def draw(folder: Path) -> list[Path]:
    """Draw all figures into a folder; the same versions give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"svg.hashsalt": "resonet", "svg.fonttype": "path", "font.size": 9, "axes.grid": False}
    with mpl.rc_context(settings):
        for name, (drawn, size) in FIGURES.items():
            figure = Figure(figsize=size, layout="constrained")
            drawn(figure.subplots())
            _save(figure, folder, name)
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        two_passes(figure)
        _save(figure, folder, "two_passes")
    return sorted(folder.glob("*.svg"))


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
