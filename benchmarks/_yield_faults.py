"""Broken devices of the shipped MNIST network: what each kind costs, what calibration buys back; drift."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.cosim.chips.weights import ChipLayer, chip_weights
from resonet.cosim.montecarlo.levels import chip_levels
from resonet.cosim.robust.drift import DriftOptions, DriftRun, drift_factors, drifted, measure_drift, slope_error
from resonet.cosim.robust.fault_study import FaultRun, fault_curves, run_faults
from resonet.cosim.robust.refit import refitted
from resonet.cosim.sweep.tested import Tested
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.chips.faults import Fault, FaultKind, FaultOptions
from resonet.netlist.chips.faulty import faulty_chip
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.fault_maps import draw_faults, fault_map
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.parameters import read_parameters

__all__ = ["claims"]

EXAMPLES = Path(__file__).parents[1] / "examples"
MNIST, DIGITS = EXAMPLES / "mnist", EXAMPLES / "digits"
AGREED = 1e-9
BYPASS = 20e3  # ohm
RATES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
CHIPS = 2


def _decks() -> None:
    """Faulty chips with spread in ngspice and in the linear engine."""
    alone, groups = ["plan.tile=16"], ["plan.tile=16", "bus.groups=4", "bus.node_capacitance=2 fF"]
    cases: dict[str, tuple[list[str], dict[FaultKind, float]]] = {
        "shorts, stuck, dead tones": (alone, {"short": 0.02, "stuck": 0.02, "tone": 0.1}),
        "a broken bus": (alone, {"line": 0.05}),
        "opens of 1 TΩ": (alone, {"open": 0.01}),
        "in groups of 4, shorts": (groups, {"short": 0.02}),
        "in groups of 4, opens of 1 TΩ": (groups, {"open": 0.01}),
    }
    spread = SpreadOptions(f_res=0.003, resistance=0.05, damping=0.05, node_capacitance=0.05)
    for what, (settings, rates) in cases.items():
        design = compile_cnn(DIGITS / "digits_relu.onnx", read_parameters(settings=settings))
        chip = ChipSampler(design, spread).chip(3)
        broken = faulty_chip(chip, draw_faults(design, rates, 1, 0))
        ours, theirs = (chip_weights(design, "coupled", broken, engine) for engine in ("linear", "ngspice"))
        off = max(np.abs(ours[n].values - theirs[n].values).max() / np.abs(ours[n].values).max() for n in ours)
        show(f"digits, {what}: ngspice's weights off the engine's", f"{off:.1e}", f"<= {AGREED:g}", off <= AGREED)


def _one_short(design: Design) -> None:
    """What a short does to the current of the others of its chain."""
    entry, chip = design.plan.layer("dense1"), ChipSampler(design).chip(None)
    bus = entry.buses[0]
    broken = faulty_chip(chip, fault_map(design, [Fault("dense1", bus.name, 3, 20, "short")]))
    sound, found = (ChipLayer(design.plan, entry, one).powers(0) for one in (chip, broken))
    lowest, size, ohm = bus.size[1] - 1, bus.size[1], design.plan.device.resistance
    rise = float(np.mean(np.sqrt(found[3, :, lowest] / found[0, :, lowest])))
    closed = size * ohm / ((size - 1) * ohm + FaultOptions().short_resistance)
    show(
        f"a short in a chain of {size}: current of the others",
        f"x {rise:.5f}",
        f"x {closed:.5f} +- 2e-3",
        abs(rise - closed) <= 2e-3,
    )
    info("  current of the other chains on its bus", f"x {np.mean(np.sqrt(found[0] / sound[0])):.5f}")


def _shares(
    design: Design, tested: Tested, rates: dict[FaultKind, float], images: np.ndarray, **options: float
) -> dict[str, float]:
    chip = faulty_chip(ChipSampler(design).chip(None), draw_faults(design, rates, 1, 0, FaultOptions(**options)))
    held = {str(name): one.held for name, one in chip_levels(design, "coupled", chip).items()}
    held["refitted"] = refitted(design, "coupled", chip, images).held
    found: dict[str, float] = tested.shares(design, held)["accuracy"]
    return found


def _one_percent(design: Design) -> None:
    """1 % of the resonators, drawn at random, 10,000 images."""
    tested = Tested.read(design, MNIST / "mnist_test.npz")
    images = design.images(MNIST / "mnist_calibration.npz").images
    info("MNIST, trained network; images", f"{tested.software:.4f}; {len(tested.images.images):,}")
    for what, rates, options, least in (
        ("1 % shorts", {"short": 0.01}, {}, 0.985),
        ("1 % stuck within 1 half-width", {"stuck": 0.01}, {}, 0.96),
        ("0.01 % open", {"open": 1e-4}, {}, 0.95),
        ("1 % open", {"open": 0.01}, {}, None),
        ("1 % open, each resonator with a bypass of 20 kohm", {"open": 0.01}, {"open_resistance": BYPASS}, 0.98),
    ):
        found = _shares(design, tested, rates, images, **options)  # type: ignore[arg-type]
        before = ", ".join(f"{found[level]:.4f}" for level in ("programmed", "gain"))
        info(f"{what}: as programmed, after one gain a layer", before)
        info("  every resonator tuned around them", f"{found['calibrated']:.4f}")
        label = "  weights refitted on 512 images"
        if least is None:
            info(label, f"{found['refitted']:.4f}")
        else:
            show(label, f"{found['refitted']:.4f}", f">= {least}", found["refitted"] >= least)
    neurons = [0.99**entry.layer.series for entry in design.plan.layers]
    told = ", ".join(f"{100 * share:.2g} %" for share in neurons)
    info("  neurons without an open at 1 %, layer by layer: 0.99^resonators", told)


def _curves(design: Design) -> None:
    """Graceful degradation, every kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "design"
        write_design(design, MNIST / "mnist.onnx", folder)
        run = FaultRun(
            source=str(folder),
            data=str(MNIST / "mnist_test.npz"),
            calibration=str(MNIST / "mnist_calibration.npz"),
            rates=RATES,
            samples=CHIPS,
        )
        _, outcomes = run_faults(run, folder, 2)
        curves = fault_curves(run, outcomes)
        for kind in run.kinds:
            own = {curve.level: curve.mean for curve in curves if curve.kind == kind}
            for n, rate in enumerate(run.rates):
                told = ", ".join(f"{own[level][n]:.4f}" for level in run.levels)
                info(f"{kind}, {100 * rate:g} %: programmed, calibrated, refitted", told)
            gained = float(min(own["refitted"][n] - own["programmed"][n] for n in range(len(run.rates))))
            if kind != "open":  # at 1 % nothing is left of the last layer
                show(f"  {kind}: refitted never below programmed, by", f"{gained:+.4f}", ">= -0.002", gained >= -0.002)


def _drift(design: Design, quick: bool) -> None:
    """Weight error by slopes, accuracy over time, the interval."""
    program = design.program("coupled")
    factors = drift_factors(design.plan, DriftOptions(ageing_spread=1e-5, start=1.0), 1, 0, 9.0, 0.0)
    moved = {"before": program, "after": drifted(program, factors)}
    errors = {
        when: {
            entry.layer.name: effective_weights(
                replace(design, programs={"coupled": own}), entry.layer.name, "coupled", engine=linear
            ).error
            for entry in design.plan.layers
        }
        for when, own in moved.items()
    }
    for name, closed in slope_error(design, program, factors).items():
        found = float(np.sqrt(np.mean((errors["after"][name] - errors["before"][name]) ** 2)))
        label = f"drift of 1e-5: RMS weight error of {name} over slope x drift"
        show(label, f"{found / closed:.4f}", "1 +- 0.05", abs(found / closed - 1) <= 0.05)
    if quick:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "design"
        write_design(design, MNIST / "mnist.onnx", folder)
        run = DriftRun(
            source=str(folder),
            data=str(MNIST / "mnist_test.npz"),
            samples=1,
            times=(0.0, 3.6e3, 3.6e5, 3.6e7),
            drift=DriftOptions(ageing_spread=1e-4),
            target=0.98,
        )
        found_drift = measure_drift(run, 0)
        for n, time in enumerate(run.times):
            told = f"{found_drift['accuracy'][str(n)]:.4f}; {100 * found_drift['rms'][str(n)]:.2f} %"
            info(f"ageing 1e-4 a decade, after {time:g} s: accuracy; weights off", told)
        info("  calibrate again at 98 % after", f"{found_drift['interval']:.3g} s")


def claims(quick: bool) -> None:
    """Print all claims; `quick` leaves out the curves and the time axis of drift."""
    design = compile_cnn(MNIST / "mnist.onnx")
    _decks()
    _one_short(design)
    _drift(design, quick)
    _one_percent(design)
    if not quick:
        _curves(design)
