"""Monte Carlo of chips: intervals that cover, time, kills, workers that agree, and what a tuning range is good for.

The shipped MNIST network and its 10,000 test images. Accuracy over the spread of f_res, programmed and calibrated for
three tuning ranges, beside a resistive crossbar with the same relative spread of its conductances, is drawn into
docs/yield_spread.png (not with --quick).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.crossbar.crossbar import crossbar_weights, fabricated_crossbars
from resonet.cosim.montecarlo.findings import findings
from resonet.cosim.montecarlo.limits import parse_limit
from resonet.cosim.montecarlo.run import MonteCarlo, measure_chip, montecarlo_key, run_montecarlo
from resonet.cosim.montecarlo.yields import clopper_pearson, wilson
from resonet.cosim.sweep.journal import read_journal
from resonet.cosim.sweep.tested import Tested
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design

__all__ = ["claims"]

ROOT = Path(__file__).parents[1]
MNIST = ROOT / "examples" / "mnist"
DATA = str(MNIST / "mnist_test.npz")
SAMPLES, IMAGES = 200, 10_000
SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)  # that pass, of all chips
CHIPS = (10, 50, 200, 1000)
DRAWS = 4000
RANGES = (2.0, 4.0, 10.0)  # half-widths
SPREADS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 3e-2)  # of f_res
MORE = 5  # chips of which processor time is taken
EACH = 3  # chips a point of the figure
OTHERS = (
    *("damping", "resistance", "magnetoresistance", "threshold_current", "node_capacitance", "tone_level"),
    *("gain", "oscillator_threshold", "oscillator_power"),
)  # all that spread in a design on buses but f_res, the tones' frequencies (5 % would swap them) and offsets in volts
REACHES = (2.0, 2.5, 3.0, 3.5, 4.0, 10.0)
PASS = parse_limit("accuracy >= 98 %")


def _coverage(quick: bool) -> None:
    """How often the intervals hold the true share: by simulation, and summed over all outcomes."""
    rng, least, simulated, short = np.random.default_rng(1), 1.0, 1.0, list[float]()
    for count in CHIPS[:2] if quick else CHIPS:
        of = range(count + 1)
        exact = np.array([(one.low, one.high) for one in (clopper_pearson(k, count) for k in of)])
        other = np.array([(one.low, one.high) for one in (wilson(k, count) for k in of)])
        for share in SHARES:
            drawn = (rng.random((DRAWS, count)) < share).sum(1)
            inside = (exact[:, 0] <= share) & (share <= exact[:, 1])
            simulated = min(simulated, float(inside[drawn].mean()))
            weight = _binomial(count, share)
            least = min(least, float(weight @ inside))
            short.append(float(weight @ ((other[:, 0] <= share) & (share <= other[:, 1]))))
    told = f"{100 * simulated:.2f} %, {100 * least:.2f} %"
    noise = 4 * float(np.sqrt(0.05 * 0.95 / DRAWS))
    show(
        "Clopper-Pearson, 95 %: least coverage, simulated, summed",
        told,
        ">= 95 %",
        simulated >= 0.95 - noise and least >= 0.95,
    )
    info("  Wilson: least, mean coverage", f"{100 * min(short):.2f} %, {100 * float(np.mean(short)):.2f} %")


def _binomial(count: int, share: float) -> Array:
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(count + 1), count, share))


def _command(folder: Path, out: Path, samples: int) -> list[str]:
    spread = ["--spread", "f_res=0.3 %", "--spread", "resistance=5 %", "--spread", "magnetoresistance=5 %"]
    words = [
        "montecarlo",
        str(folder),
        "--samples",
        str(samples),
        *spread,
        "--data",
        DATA,
        "-o",
        str(out),
        "--jobs",
        "2",
    ]
    return [sys.executable, "-m", "resonet.cli.start", *words]


def _killed(folder: Path, out: Path, samples: int, after: int) -> int:
    """Start the command, end it by SIGKILL once so many chips are done; how many were."""
    process = subprocess.Popen(_command(folder, out, samples), stdout=subprocess.DEVNULL, start_new_session=True)
    done = 0
    while process.poll() is None and done < after:
        time.sleep(0.2)
        done = sum(path.read_bytes().count(b'"end":') for path in (out / "results").glob("montecarlo_*.jsonl"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return done


def _values(out: Path) -> dict[int, Any]:
    (path,) = (out / "results").glob("montecarlo_*.jsonl")
    return {number: outcome.values for number, outcome in read_journal(path)[1].items()}


def _processor(folder: Path) -> tuple[float, float]:
    """Processor time of one process up to the end of its first chip, and of each more."""
    spread = SpreadOptions(f_res=0.003, resistance=0.05, magnetoresistance=0.05)
    run, times = MonteCarlo(str(folder), spread, data=DATA, seed=2), [time.process_time()]
    key = montecarlo_key(run)
    for number in range(1 + MORE):
        measure_chip(run, key, number)
        times.append(time.process_time())
    return times[1] - times[0], (times[-1] - times[1]) / MORE


def _time_and_kills(folder: Path, scratch: Path, quick: bool) -> None:
    samples = 20 if quick else SAMPLES
    begin, before = time.perf_counter(), os.times()
    subprocess.run(_command(folder, scratch / "whole", samples), check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, os.times()
    title = f"{samples} chips x {IMAGES:,} images x 3 levels, the command, 2 processes"
    whole = _values(scratch / "whole")
    (path,) = (scratch / "whole" / "results").glob("montecarlo_*.jsonl")
    each = float(np.median([outcome.seconds for outcome in read_journal(path)[1].values()]))
    if quick:
        info(title, f"{wall:.1f} s")
    else:
        show(title, f"{wall:.1f} s", "<= 180 s", wall <= 180)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    info("  wall a chip (median); processor seconds of the command itself", f"{each:.2f} s; {cpu:.1f} s")
    first, more = _processor(folder)
    told = f"{first:.1f} s; {1e3 * more:.0f} ms; {first + samples * more / 2:.0f} s"
    total = first + SAMPLES * more / 2
    show("  processor: up to the first chip; each more; two free cores", told, "200 chips <= 180 s", total <= 180)
    info("  load of the machine, this run included; cores", f"{os.getloadavg()[0]:.1f}; {os.cpu_count()}")
    first, second = (_killed(folder, scratch / "killed", samples, samples * n // 10) for n in (3, 6))
    subprocess.run(_command(folder, scratch / "killed", samples), check=True, stdout=subprocess.DEVNULL)
    same = _values(scratch / "killed") == whole and len(whole) == samples
    show(
        f"  killed after {first} and {second} chips (SIGKILL), resumed",
        "same bits" if same else "OTHER",
        "same bits",
        same,
    )


def _workers(folder: Path, scratch: Path, quick: bool) -> None:
    from distributed import LocalCluster

    samples = 6 if quick else 20
    run = MonteCarlo(str(folder), SpreadOptions(f_res=0.003, resistance=0.05), samples, data=DATA)
    found = []
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        for name, how in (
            ("one", {"jobs": 1}),
            ("two", {"jobs": 2}),
            ("dask", {"scheduler": cluster.scheduler_address}),
        ):
            _, outcomes = run_montecarlo(run, scratch / name, **how)
            found.append({number: outcomes[number].values for number in sorted(outcomes)})
    same = found[0] == found[1] == found[2] and None not in found[0].values()
    show(f"{samples} chips by 1 process, 2 processes, dask", "same bits" if same else "OTHER", "same bits", same)


def _accuracies(run: MonteCarlo, scratch: Path, level: str = "calibrated") -> Array:
    _, outcomes = run_montecarlo(run, scratch, 1)
    return np.array(outcomes.numbers("accuracy", level))


def _over_spread(folder: Path, scratch: Path, quick: bool) -> None:
    """Accuracy over the spread of f_res, and of crossbars over that of their conductances."""
    spreads, chips = (SPREADS[3:5], 2) if quick else (SPREADS, EACH)
    design = load_design(folder)
    tested = Tested.read(design, Path(DATA))
    ideal = replace(CrossbarArray(), word_resistance=0.0, bit_resistance=0.0)
    arrays = {"crossbar": CrossbarArray(), "ideal crossbar": ideal}
    names = [entry.layer.name for entry in design.plan.layers]
    nominal = {kind: {name: crossbar_weights(design, name, of) for name in names} for kind, of in arrays.items()}
    found: dict[str, list[Array]] = {name: [] for name in ("programmed", *map(str, RANGES), *arrays)}
    for spread in spreads:
        run = MonteCarlo(str(folder), SpreadOptions(f_res=spread), chips, data=DATA, levels=("programmed",))
        found["programmed"].append(_accuracies(run, scratch, "programmed"))
        for reach in RANGES:
            tuned = replace(run, levels=("calibrated",), tuning=TuningOptions(reach))
            found[str(reach)].append(_accuracies(tuned, scratch))
        for kind, of_layers in nominal.items():
            chip = (fabricated_crossbars(of_layers, spread, seed) for seed in range(1, chips + 1))
            found[kind].append(np.array([tested.shares(design, {kind: one})["accuracy"][kind] for one in chip]))
    info("accuracy (mean of the chips), programmed; +-2, +-4, +-10; crossbar, ideal wires", "")
    for n, spread in enumerate(spreads):
        told = ", ".join(f"{100 * float(own[n].mean()):.2f}" for own in found.values())
        info(f"  spread {100 * spread:g} %", f"{told} %")
    at = list(spreads).index
    held = [float(found[str(reach)][at(s)].mean()) for reach, s in ((2.0, 3e-3), (4.0, 1e-2))]
    show(
        "  +-2 half-widths at 0.3 %, +-4 at 1 %",
        f"{100 * held[0]:.2f}, {100 * held[1]:.2f} %",
        ">= 98 %",
        min(held) >= 0.98,
    )
    if not quick:
        last = float(found["10.0"][at(3e-2)].mean())
        show("  +-10 half-widths at 3 %", f"{100 * last:.2f} %", ">= 95 %", last >= 0.95)
        _draw(np.array(spreads), found, tested.software)


def _draw(spreads: Array, found: dict[str, list[Array]], software: float) -> None:
    from matplotlib import rc_context

    from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, MUTED, SHARED, STYLE, figure, finish, save

    looks = {
        "programmed": (COUPLED, "programmed"),
        **dict(zip(map(str, RANGES), ((FORMULA, ""), (CALIBRATED, ""), (SHARED, "")), strict=True)),
        "crossbar": (AGGRESSOR, "crossbar, spread of its conductances"),
        "ideal crossbar": (MUTED, "the same with wires of 0 Ω"),
    }
    with rc_context(STYLE):
        drawn = figure(6.4, 4.0)
        panel = drawn.subplots()
        for name, own in found.items():
            colour, label = looks[name]
            values = 100 * np.array(own)
            label = label or f"calibrated, tuning ±{float(name):g} half-widths"
            panel.plot(
                100 * spreads, values.mean(1), "s--" if "crossbar" in name else "o-", color=colour, ms=4, label=label
            )
            panel.fill_between(100 * spreads, values.min(1), values.max(1), color=colour, alpha=0.15, lw=0)
        panel.axhline(100 * software, color=MUTED, lw=1, ls=":", label="trained network")
        panel.set_xscale("log")
        panel.set_xticks([0.01, 0.03, 0.1, 0.3, 1, 3], ["0.01", "0.03", "0.1", "0.3", "1", "3"])
        panel.set_ylim(0, 102)
        panel.grid(visible=True)
        panel.legend(fontsize=7.5, loc="lower left")
        finish(
            panel, "MNIST, 10,000 images", "standard deviation of f_res (crossbar: of conductances), %", "accuracy, %"
        )
    save(drawn, ROOT / "docs", "yield_spread")
    (ROOT / "docs" / "yield_spread.svg").unlink()


def _needed(folder: Path, scratch: Path, quick: bool) -> None:
    """Yield at 1 % of f_res and 5 % of everything else over the tuning range, and with shared tuning lines."""
    chips, reaches = (6, REACHES[2:4]) if quick else (40, REACHES)
    spread, best = SpreadOptions(f_res=0.01, **dict.fromkeys(OTHERS, 0.05)), 0.0
    run = MonteCarlo(str(folder), spread, chips, data=DATA, levels=("calibrated",))
    info(f"yield of accuracy >= 98 %, f_res 1 %, others 5 %, {chips} chips", "")
    for reach in reaches:
        one = replace(run, tuning=TuningOptions(reach))
        _, outcomes = run_montecarlo(one, scratch, 1)
        found = findings(one, outcomes, [PASS]).yields["calibrated"]
        mean = 100 * float(np.mean(outcomes.numbers("accuracy", "calibrated")))
        told = f"{100 * found.share:.1f} % ({100 * found.exact.low:.1f} ... {100 * found.exact.high:.1f} %)"
        info(f"  +-{reach:g} half-widths; mean accuracy {mean:.2f} %", told)
        best = max(best, found.share)
    show("  some range gives", f"{100 * best:.1f} %", ">= 98 %", best >= 0.98)
    _shared(run, scratch, 2 if quick else 10)


def _shared(run: MonteCarlo, scratch: Path, chips: int) -> None:
    """The same with tuning lines that all positions of a layer share."""
    few = []
    for level, others in ((1e-4, 0.0), (3e-4, 0.0), (1e-3, 0.0), (1e-2, 0.05)):
        spread = SpreadOptions(f_res=level, **dict.fromkeys(OTHERS[:7], others))
        one = replace(run, shared=True, samples=chips, spread=spread)
        few.append(f"{100 * float(_accuracies(one, scratch).mean()):.2f}")
    info("  shared lines: accuracy at 0.01, 0.03, 0.1 % of f_res; at 1 %, others 5 %", ", ".join(few) + " %")


def claims(quick: bool) -> None:
    """Print all claims; `quick` takes a tenth of the chips and draws nothing."""
    _coverage(quick)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "design"
        write_design(compile_cnn(MNIST / "mnist.onnx"), MNIST / "mnist.onnx", folder)
        _time_and_kills(folder, Path(name), quick)
        _workers(folder, Path(name) / "workers", quick)
        _over_spread(folder, Path(name) / "spread", quick)
        _needed(folder, Path(name) / "needed", quick)
