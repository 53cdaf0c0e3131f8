"""What single spreads do to the shipped MNIST network as programmed, without calibration; and what a chip costs."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.cosim.chips import chip_engine, chip_weights
from resonet.cosim.sweep.axes import Spread
from resonet.cosim.sweep.prepared import fabricated
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy
from resonet.cosim.weights.software import SoftwareLogits
from resonet.netlist.chips import SpreadOptions
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import read_images

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
CHIPS, QUICK = 24, 10
CASES = {
    "f_res": (3e-4, 1e-3),
    "resistance": (0.05,),
    "damping": (0.05,),
    "magnetoresistance": (0.05,),
    "threshold_current": (0.05,),
    "node_capacitance": (0.05,),
    "tone_frequency": (3e-4,),
    "tone_level": (0.05,),
    "gain": (0.05,),
    "oscillator_threshold": (0.05,),
    "oscillator_power": (0.05,),
}
# A prototype of somebody else, of unknown settings, had 88 % and 16 % on one chip at 0.03 % and 0.1 % of f_res.
# The error of a weight is dw/du du over what a unit of weight has of the resonator's range: it goes as 1 / plan.fill.
PROTOTYPE, FILL = {3e-4: 0.88, 1e-3: 0.16}, 0.65


def claims(quick: bool) -> None:
    """Print all claims."""
    design, data = compile_cnn(MNIST / "mnist.onnx"), read_images(MNIST / "mnist_test.npz", (1, 28, 28))
    software, count = SoftwareLogits(design.cnn, data.images), QUICK if quick else CHIPS

    def share(of, held):  # type: ignore[no-untyped-def]
        return accuracy(of, held, data, software=software, threads=1).circuit

    def over_chips(of, name: str, sigma: float) -> str:  # type: ignore[no-untyped-def]
        sampler = ChipSampler(of, SpreadOptions(**{name: sigma}))
        found = 100 * np.array([share(of, chip_weights(of, "coupled", sampler.chip(n))) for n in range(count)])
        return f"{found.mean():.2f} ± {found.std():.2f} % ({found.min():.1f} ... {found.max():.1f})"

    for name, sigmas in CASES.items():
        for sigma in sigmas:
            told = f"{name} {100 * sigma:g} %, {count} chips: accuracy, ± over chips"
            info(told, over_chips(design, name, sigma))
    less = compile_cnn(MNIST / "mnist.onnx", read_parameters(settings=[f"plan.fill={FILL}"]))
    for sigma, known in PROTOTYPE.items():
        told = f"  f_res {100 * sigma:g} %, weights over {FILL:g} of the range; a prototype: {100 * known:g} %"
        info(told, over_chips(less, "f_res", sigma))
    by_sweep(design, data, software, count)
    cost(design)


def by_sweep(design, data, software, count: int) -> None:  # type: ignore[no-untyped-def]
    """The same spread of f_res by the engine without chips, on programs that are off (`resonet sweep --spread`)."""
    half_widths = {3e-4: 0.03, 1e-3: 0.1}
    for sigma, spread in half_widths.items():
        sampler, ours, theirs = ChipSampler(design, SpreadOptions(f_res=sigma)), [], []
        for n in range(count):
            chip = chip_weights(design, "coupled", sampler.chip(n))
            ours.append([one.rms_error for one in chip.values()])
            off = replace(
                design, programs={"coupled": fabricated(design.plan, design.program("coupled"), Spread(spread, n))}
            )
            held = {name: effective_weights(off, name, "coupled", engine=linear) for name in chip}
            theirs.append([one.rms_error for one in held.values()])
        ratio = float(np.mean(ours) / np.mean(theirs))
        show(
            f"weight errors, f_res {100 * sigma:g} %: over those of a sweep",
            f"{ratio:.4f}",
            "0.98 ... 1.02",
            abs(ratio - 1) < 0.02,
        )


def cost(design) -> None:  # type: ignore[no-untyped-def]
    """Processor time of one chip with everything spread."""
    spread = SpreadOptions(
        f_res=1e-3, damping=0.05, resistance=0.05, magnetoresistance=0.05, node_capacitance=0.05, tone_level=0.05
    )
    sampler, times = ChipSampler(design, spread), np.zeros(3)
    chip_weights(design, "coupled", sampler.chip(0))
    for n in range(1, 11):
        begin = time.process_time()
        chip = sampler.chip(n)
        made = time.process_time()
        engine = chip_engine(chip)
        chip_weights(design, "coupled", chip, engine)
        first = time.process_time()
        chip_weights(design, "coupled", chip, engine)
        times += np.array([made - begin, first - made, time.process_time() - first]) / 10
    resonators = sum(entry.resonators for entry in design.plan.layers)
    each = float(times[1])
    info(f"{resonators:,} resonators: sampling a chip, processor", f"{1e3 * times[0]:.1f} ms")
    show("  weights of a chip, first evaluation, processor", f"{1e3 * each:.1f} ms", "<= 1 s", each <= 1)
    info("  every further evaluation of it", f"{1e3 * times[2]:.1f} ms")
