"""Show the S-parameter workbench: every claim recomputed from scratch, with its bar.

    python benchmarks/show_sparams.py            # all of it
    python benchmarks/show_sparams.py --quick    # within a minute: without the largest block

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. Nothing is stored between
runs. One thread for everybody: times are compared.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import _touchstone
import numpy as np
import skrf
from _show import header, info, show, stop
from _sparams_blocks import BIAS, LEAKY, ROW, STAND, TONES, F, chains, compared, notches, row

from resonet.core.errors import InputError
from resonet.models.line.lines import SECTIONS, LosslessLine, RlcLine
from resonet.sparams.block import Block, LineBranch, Lumped, Port, with_impedance
from resonet.sparams.build import RowOfLines, bus_block, chain_block, combiner_block, line_block, row_block, tee_block
from resonet.sparams.circuit import circuit_s
from resonet.sparams.conditions import Drift, sweep, tuned, tuning_slope, warmed
from resonet.sparams.extract import extract, mixed_mode
from resonet.sparams.fixture import deembed, embed, time_gate
from resonet.sparams.grid import missed, refine, seen_resonances
from resonet.sparams.linear import linear_s
from resonet.sparams.measured import fit_part, largest_gain, measured_block
from resonet.sparams.metrics import asymmetry, gain_excess, line_crosstalk, resonance_metrics
from resonet.sparams.ngspice import ngspice_s
from resonet.sparams.touchstone import read_touchstone, write_touchstone


def timed(work: Callable[[], np.ndarray], times: int = 1) -> tuple[float, np.ndarray]:
    """Shortest time of a few, and the result."""
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def engines(quick: bool) -> None:
    """The same S from ngspice, scikit-rf and the linear engine, and how long 32 ports take."""
    for name, block in compared().items():
        if quick and "48 resonators" in name:
            continue
        ours, s = timed(lambda block=block: linear_s(block, F), 15)
        theirs, wanted = timed(lambda block=block: ngspice_s(block, F))
        show(
            f"{name}: linear - ngspice", f"{np.abs(s - wanted).max():.1e}", "<= 1e-6", np.abs(s - wanted).max() <= 1e-6
        )
        other = np.abs(circuit_s(block, F) - wanted).max()
        show(f"{name}: scikit-rf - ngspice", f"{other:.1e}", "<= 1e-6", other <= 1e-6)
        if name.startswith("32"):
            fast = f"{theirs / ours:.0f}x"
            show(f"{name}: {1e3 * ours:.0f} ms for {theirs:.1f} s", fast, ">= 50x", theirs >= 50 * ours)
    five = combiner_block(4, STAND.circuit)
    off = np.abs(ngspice_s(five, F, "sp") - ngspice_s(five, F, "ac")).max()
    show("5 ports: .sp - one .ac per excitation", f"{off:.1e}", "<= 1e-12", off <= 1e-12)


def line_models() -> None:
    """What the ladder of a leaky line and of coupled lines gives away against the exact line."""
    alone = Block("line", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, replace(LEAKY, length=3e-3)),))
    turn = np.abs(np.sqrt((LEAKY.r + 2j * np.pi * F * LEAKY.l) * (LEAKY.g + 2j * np.pi * F * LEAKY.c))) * 3e-3
    bound = (turn / SECTIONS) ** 2 * (turn / 24 + 1 / 8)  # of the wave, and of the impedance
    off = np.abs(linear_s(alone, F) - linear_s(alone, F, "exact")).max((1, 2))
    worst = float((off / bound).max())
    show("ladder of 16, 3 mm: |ΔS| over (γl/16)² (γl/24 + 1/8)", f"{worst:.2f}", "<= 1", worst <= 1)
    info("    the same, largest |ΔS21|, at 25 GHz", f"{off.max():.1e}")
    off = np.abs(linear_s(row(4), F) - linear_s(row(4), F, "exact")).max()
    info("    4 coupled lines of 1 mm, ladder of 16 - exact", f"{off:.1e}")


def measured_parts() -> None:
    """25 resonances through a vector fit and back through ngspice; a measured tee in a chain."""
    f = np.linspace(0.5e9, 25e9, 2001)
    blocks = {
        "25 notches": notches(),
        "25 deep notches": notches(resistance=4.0),
        "line, 25 resonators": line_block(RlcLine(2e4, length=1e-4), TONES, STAND, 5e-14, 8e-6),
    }
    for name, block in blocks.items():
        data = extract(block, f)
        part = fit_part(data, name)
        gain = largest_gain(part.model(np.geomspace(1e6, 1e12, 20001))) - 1
        show(
            f"{name}: fit, {len(part.poles)} poles, RMS error",
            f"{part.rms_error:.1e}",
            "<= 1e-3",
            part.rms_error <= 1e-3,
        )
        show(f"{name}: largest gain - 1, 1 MHz to 1 THz", f"{gain:.1e}", "<= 0", gain <= 0)
        off = np.abs(ngspice_s(measured_block(part), f) - data.s).max()
        show(f"{name}: subcircuit in ngspice - data", f"{off:.1e}", "<= 2e-3", off <= 2e-3)
    tee = measured_block(fit_part(extract(tee_block(STAND.circuit), f), "tee"), ["rf", "dc", "head"])
    stand = replace(STAND, tee=tee)
    with_part, model = chain_block(TONES, stand, BIAS), chain_block(TONES, STAND, BIAS)
    off = np.abs(ngspice_s(with_part, F) - linear_s(model, F)).max()
    show("chain with both tees from a file - with the model", f"{off:.1e}", "<= 1e-6", off <= 1e-6)
    active = extract(tee_block(STAND.circuit), f)
    active.s = 1.2 * active.s
    try:
        fit_part(active, "amplifier")
        refused = "taken"
    except InputError as error:
        refused = "refused" if "not passive" in str(error) else "?"
    show("a part with gain", refused, "refused", refused == "refused")


def touchstone() -> None:
    """Written, and read by scikit-rf and by a reader of our own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, block in (("3 ports", tee_block(STAND.circuit)), ("32 ports", bus_block(chains(8, 24), STAND))):
            for version, ending in (("1.0", f"s{len(block.ports)}p"), ("2.0", "ts")):
                z0 = {block.ports[0].name: 75.0} if version == "2.0" else {}
                network = extract(with_impedance(block, z0), F)
                path = write_touchstone(network, Path(folder) / f"x.{ending}", version)
                f, s, impedance = _touchstone.read(path)
                theirs = skrf.Network(str(path))
                off = max(np.abs(s - network.s).max(), np.abs(theirs.s - network.s).max())
                off = max(off, np.abs(f / network.f - 1).max(), np.abs(impedance - network.z0[0].real).max())
                off = max(off, np.abs(read_touchstone(path).s - network.s).max())
                show(f"Touchstone {version}, {name}: both readers - written", f"{off:.0e}", "<= 1e-12", off <= 1e-12)


def grids() -> None:
    """A grid that steps over resonances."""
    block = chain_block(TONES, STAND, BIAS)
    seen, coarse = seen_resonances(block), np.geomspace(0.5e9, 25e9, 100)
    fine = refine(coarse, *seen)
    counts = int(missed(coarse, *seen).sum()), int(missed(fine, *seen).sum())
    show(
        f"grid of {len(coarse)}, refined to {len(fine)}: resonances missed",
        f"{counts[0]} -> {counts[1]}",
        "25 -> 0",
        counts == (25, 0),
    )
    flat = linear_s(chain_block(TONES, STAND), fine)
    change = np.abs(linear_s(block, fine) / flat - 1)[:, 1, 0]
    dense = np.geomspace(0.5e9, 25e9, 40001)
    true = np.abs(linear_s(block, dense) / linear_s(chain_block(TONES, STAND), dense) - 1)[:, 1, 0].max()
    on_grid = change[np.isin(fine, coarse)].max()
    show(
        "    height of the tallest, refined grid / dense grid",
        f"{change.max() / true:.4f}",
        ">= 0.98",
        change.max() >= 0.98 * true,
    )
    info("    the same on the grid as given", f"{on_grid / true:.4f}")


def metrics() -> None:
    """Numbers whose values are known in closed form."""
    f = np.geomspace(0.5e9, 25e9, 4001)
    resonances = resonance_metrics(extract(notches(), f), TONES)
    loaded, depth = 60 * 200 / 225, 20 * np.log10(200 / 225)
    for name, values, wanted in (
        ("centre", resonances.centre, TONES),
        ("loaded Q", resonances.loaded_q, loaded),
        ("unloaded Q", resonances.unloaded_q, 60.0),
    ):
        off = float(np.abs(values / wanted - 1).max())
        show(f"25 notches: {name} against R, L, C", f"{100 * off:.3f} %", "<= 0.5 %", off <= 5e-3)
    off = float(np.abs(resonances.depth - depth).max())
    show("25 notches: depth against R / (R + z0/2)", f"{off:.3f} dB", "<= 0.05 dB", off <= 0.05)
    chain = resonance_metrics(extract(chain_block(TONES, STAND, BIAS), f), TONES)
    off = float(np.abs(chain.loaded_q / STAND.device.quality - 1).max())
    show("chain under bias: loaded Q against 1/(2α)", f"{100 * off:.2f} %", "<= 0.5 %", off <= 5e-3)
    weak = row_block(RowOfLines(2, **ROW | {"r": 0.0, "g": 0.0, "mutual": 4e-10, "coupling": 1e-13}), STAND)
    weak = with_impedance(weak, float(np.sqrt(ROW["l"] / ROW["c"])))
    near = line_crosstalk(extract(weak, F), 2).near[1, 0]
    phase = 2 * np.pi * F[-1] * np.sqrt(ROW["l"] * ROW["c"]) * ROW["length"]
    wanted = 20 * np.log10((4e-10 / 4e-7 + 1e-13 / 1.2e-10) / 2 * np.sin(phase))
    show(
        "NEXT of two weakly coupled lines against (kL + kC)/2 sin φ",
        f"{near - wanted:+.3f} dB",
        "within 0.1 dB",
        abs(near - wanted) <= 0.1,
    )
    network = extract(bus_block(chains(8, 24), STAND), F)
    show("bus: largest singular value - 1", f"{gain_excess(network):.1e}", "<= 1e-12", gain_excess(network) <= 1e-12)
    show("bus: |S_ij - S_ji|", f"{asymmetry(network):.1e}", "<= 1e-12", asymmetry(network) <= 1e-12)


def conditions() -> None:
    """Fixtures, modes, tuning, temperature: against ngspice or in closed form."""
    f = np.linspace(0.5e9, 25e9, 801)
    device = extract(chain_block(TONES, STAND, BIAS), f)
    side = extract(Block("side", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, RlcLine(2e4, length=2e-3)),)), f)
    off = np.abs(deembed(embed(device, side, side), side, side).s - device.s).max()
    show("fixture put on and taken off", f"{off:.1e}", "<= 1e-9", off <= 1e-9)
    lines = (LineBranch(1, 2, LosslessLine(50.0, 1e-9)), LineBranch(2, 3, LosslessLine(75.0, 2e-9)))
    steps = Block("steps", (Port("a", 1),), (*lines, Lumped("r", np.array([3]), np.array([0]), np.array([150.0]))))
    gated = np.abs(time_gate(extract(steps, np.linspace(10e6, 10e9, 2000)), 1e-9, 4e-9).s[400:1600, 0, 0])
    off = float(np.abs(gated / 0.2 - 1).max())
    show("time gate on the first of two mismatches, 50 to 75 ohm", f"{100 * off:.2f} %", "<= 2 %", off <= 0.02)
    block, slope = chain_block(TONES, STAND, BIAS), tuning_slope(1e-6)
    drift = Drift(tcr=1e-3, tcf=-2e-4, tcq=-1e-3)
    for name, changed in (("20 mA of tuning", tuned(block, 20e-3, slope)), ("350 K", warmed(block, 350.0, drift))):
        off = np.abs(linear_s(changed, F) - ngspice_s(changed, F)).max()
        show(f"chain at {name}: linear - ngspice", f"{off:.1e}", "<= 1e-6", off <= 1e-6)
    pair = mixed_mode(extract(row(2), F), 1)
    off = np.abs(pair.s[:, 0, 1]).max()
    show("two equal lines: differential to common at the near end", f"{off:.1e}", "<= 1e-12", off <= 1e-12)
    took, _ = timed(
        lambda: np.array([n.s for n in sweep(lambda i: tuned(block, i, slope), np.linspace(0, 50e-3, 41), f)])
    )
    info("waterfall, 41 tuning currents x 801 frequencies", f"{took:.2f} s")


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the largest block")
    quick = parser.parse_args().quick
    header("numpy", "scikit-rf")
    engines(quick)
    for part in (line_models, measured_parts, touchstone, grids, metrics, conditions):
        part()
    stop()


if __name__ == "__main__":
    main()
