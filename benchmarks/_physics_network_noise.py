"""Noise of whole networks against ngspice and closed forms, cascade against sequential hardware, accuracy with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.noise.budget import noise_budget
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.noise.repeats import Reads, noisy_accuracy
from resonet.cosim.saturation.accuracy import saturating_accuracy
from resonet.cosim.saturation.data_fit import fit_on_data
from resonet.cosim.saturation.fit import FitOptions
from resonet.cosim.saturation.held import SaturatingWeights, saturating_weights
from resonet.cosim.weights.effective import EffectiveWeights, network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.noise import chain_noise
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.bus.deck import chain_lines, dc_deck, tee_parameters
from resonet.netlist.bus.hardware import dc_stacks
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.programming.methods import Method
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, numbers

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
KELVIN, ROOM = 273.15, 300.0
METHODS: tuple[Method, ...] = ("calibrated", "coupled")
AUDIT = {"2 nW": (0.27, 0.10, 0.07), "50 nW": (6.7, 2.6, 1.8)}  # precession over Johnson noise, power, by layer


@cache
def _mnist(*settings: str) -> tuple[Design, dict[str, EffectiveWeights]]:
    """The shipped network, its chains programmed as `coupled`."""
    given = read_parameters(settings=settings)
    batch = compile_cnn(MNIST / "mnist.onnx", given).images(MNIST / "mnist_calibration.npz")
    design = compile_cnn(MNIST / "mnist.onnx", given, batch)
    return design, network_weights(design, "coupled", linear)


def _spectrum(name: str, lines: Sequence[str], node: str, temperature: float) -> tuple[Array, Array]:
    """Frequencies, and the noise of a node by `.noise`, V²/Hz, of a deck without commands."""
    d = NGSPICE
    extra = [f".options temp={temperature - KELVIN:.12g} tnom={temperature - KELVIN:.12g}"]
    extra.append(d.format_source("inoise", "0", node, dc="0", ac="1"))
    command = d.format_noise(d.voltage_of(node), "inoise", "dec", 200, 1e2, 1e11)
    # The first of two plots holds the spectra; the last one, integrated, is the current one after the run.
    runs = d.write_control([command, "setplot previous", d.format_write(name, ["onoise_spectrum"])])
    plot = run_deck(Deck(name, "\n".join([*lines, *extra, *runs])))[0]
    return plot.axis, plot.columns(["onoise_spectrum"])[:, 0].real ** 2


def _chain() -> None:
    """A chain with its source and its nodes' capacitances."""
    device, circuit, d = SpinDiode(), BusCircuit(), NGSPICE
    f_res = np.geomspace(2e9, 8e9, 48)
    lines = d.write_head("chain_noise", "noise at the DC output", "../lib", ("resonator", "bias_tee", "readout"))
    lines.append(d.format_element("rsource", ("bus", "0"), f"{circuit.impedance:.12g}"))
    lines.append(d.format_instance("xbt0", ("bus", "dc", "h0_0"), "bias_tee", tee_parameters(circuit)))
    lines.append(chain_lines(0, f_res, "0", device, circuit))
    lines.append(d.format_instance("xro0", ("dc",), "readout", numbers(12, rin=circuit.readout_resistance)))
    f, found = _spectrum("chain_noise", lines, "dc", 350.0)
    ours = chain_noise(f, np.full(48, device.resistance), circuit, 350.0, 350.0).total
    off = float(np.abs(ours / found - 1).max())
    show("Johnson noise of a chain of 48, 100 Hz ... 100 GHz, off ngspice", f"{off:.1e}", "<= 1e-5", off <= 1e-5)


def _neuron(layer: str, bandwidth: float) -> None:
    """A neuron of the network with all its tiles: budget against `.noise` of its DC deck, behind the poles."""
    design, held = _mnist(f"neuron.bandwidth={bandwidth:g}", "noise.sources=johnson,choke,readout")
    stack = dc_stacks(design.hardware(layer, "coupled"))[0]
    text = dc_deck("neuron_noise", [stack], [np.zeros(stack.resonators)]).text.partition("\n.control\n")[0]
    lines = [line for line in text.splitlines() if not line.startswith((".op", ".save"))]
    f, density = _spectrum("neuron_noise", lines, "out0", ROOM)
    wanted = np.trapezoid(density / (1 + (f / bandwidth) ** 2) ** 3, f) + density[0] * f[0]
    constant = layer_noise(design, held[layer]).constant
    read = 3 * np.pi / 16 * bandwidth * design.parameters.neuron.input_noise**2
    if layer == "dense1":
        read = 3 * np.pi / 16 * bandwidth * design.parameters.noise.readout**2
    ours = sum(constant.values()) - read
    off = abs(np.sqrt(ours / wanted) - 1)
    what = (
        f"{layer}, {len(stack.tiles)} tiles, {bandwidth / 1e6:g} MHz: Johnson noise, {1e6 * np.sqrt(ours):.3g} uV, off"
    )
    show(f"{what} ngspice", f"{off:.1e}", "<= 1e-3", bool(off <= 1e-3))


def _precession(power: str, images: int, method: Method) -> None:
    """Power of the precession noise over Johnson noise, layer by layer, against own tones alone in closed form.

    It is a mean over images, so of the tones that the layers before make: those of a program that is off count.
    """
    design, held = _mnist(f"plan.p_max={power}", "neuron.bandwidth=1 kHz")
    if method == "calibrated":
        design = calibrate(design).design
        held = network_weights(design, method, linear)
    device, data = design.plan.device, design.images(MNIST / "mnist_test.npz")
    budgets = noise_budget(design, held, data.images[:images])
    found = {one.layer: (one.sources["precession"] / one.sources["johnson"]) ** 2 for one in budgets}
    closed: dict[str, float] = {}
    thermal = float(thermal_power(device.damping, device.threshold_current))

    def watch(synapses: Synapses, x: Array) -> None:
        carried = held[synapses.name].carried(synapses, x, design.scales[synapses.name]).mean((1, 2))
        each = []
        for bus in design.plan.layer(synapses.name).buses:
            watts = carried[bus.group][bus.taps] * design.plan.options.p_max
            gamma0 = 2 * np.pi * device.damping * bus.frequencies
            each.append(device.magnetoresistance**2 * thermal * watts / (4 * gamma0) / (4 * 1.380649e-23 * ROOM))
        closed[synapses.name] = float(np.concatenate(each).mean())

    forward(design, held, data.images[:images], watch=watch)
    for (layer, ratio), theirs in zip(found.items(), AUDIT[power], strict=True):
        off = ratio / closed[layer] - 1
        told = f"precession over Johnson noise, {ratio:.3g} (audit {theirs:g}), off own tones"
        what = f"{layer}, {method}, {power}: {told}"
        show(what, f"{100 * off:+.1f} %", "0 ... 10 % (tails)", 0 <= off <= 0.1)


def _both_ways(reads: int) -> None:
    """What noise adds to the sums of an image, in parallel and in sequential hardware, whose amplifiers are linear."""
    design, held = _mnist("plan.p_max=50 nW", "neuron.bandwidth=10 kHz", "neuron.p1db=100 W")
    image = design.images(MNIST / "mnist_test.npz").images[:1]
    hardware = prepare(design, "coupled", engines=("two-pass",), images=image)
    quiet = cascade(hardware.levels, hardware.held, image)
    many, sequential = np.repeat(image, reads, axis=0), {}
    for number, name in enumerate(held):
        mixed = hardware.held | {name: hardware.noisy(1)[name]}
        run = cascade(hardware.levels, mixed, many)
        parallel = float(np.sqrt(np.mean((run.stages[number].sums - quiet.stages[number].sums) ** 2)))

        def watch(synapses: Synapses, x: Array, name: str = name) -> None:
            if synapses.name == name:
                own, scale = noisy_weights(design, held, 2)[name], design.scales[name]
                sums = own.sums(synapses, np.repeat(x, reads, axis=0), scale)
                sequential[name] = float(np.sqrt(np.mean((sums - held[name].sums(synapses, x, scale)) ** 2)))

        forward(design, held, image, watch=watch)
        off = parallel / sequential[name] - 1
        what = f"{name}: noise of the sums, {reads} reads, cascade over sequential hardware"
        show(what, f"{100 * off:+.1f} %", "within 3 %", abs(off) <= 0.03)


def _saturated(power: str, images: int) -> None:
    """Saturating resonators: precession noise against the linear formula and the full balance, and what it costs."""
    design, held = _mnist(f"plan.p_max={power}", "neuron.bandwidth=10 kHz")
    some = design.images(MNIST / "mnist_test.npz").images[:images]
    saturating = saturating_weights(design, held)
    fast, full = noisy_weights(design, held, 1, saturating), noisy_weights(design, held, 1, _full(saturating))
    found: dict[str, tuple[float, float]] = {}

    def watch(synapses: Synapses, x: Array) -> None:
        own, exact = fast[synapses.name], full[synapses.name]
        carried = own.carried(synapses, x, design.scales[synapses.name])
        carried = carried[:, :, :: max(carried.shape[2] // 8, 1)]  # some positions
        noise = own.heard_by(carried, own.base.products)[1]
        linear_law, few = own.noise.linear_precession(carried), carried[:, :2]
        wanted = exact.heard_by(few, exact.base.products)[1]
        assert noise is not None
        assert linear_law is not None
        assert wanted is not None
        off = float(np.abs(noise[:, :2] - wanted).max() / wanted.max())
        found[synapses.name] = float(np.sqrt(linear_law.mean() / noise.mean())), off

    forward(design, saturating, some, watch=watch)
    for layer, (ratio, off) in found.items():
        what = f"{layer} at {power}, saturating: variance of precession noise, off the full balance"
        show(what, f"{off:.1e}", "<= 2e-3", off <= 2e-3)
        info("    linear formula over it, rms", f"{ratio:.2f}")
    times = []
    for weights in (saturating, fast):
        forward(design, weights, some[:2])
        start = process_time()
        forward(design, weights, some)
        times.append(process_time() - start)
    cost = times[1] / times[0]
    show(f"saturating with noise over without, {power}: time of the processor", f"{cost:.2f}", "<= 2", cost <= 2)


def _full(held: Mapping[str, SaturatingWeights]) -> dict[str, SaturatingWeights]:
    return {name: one.by("full") for name, one in held.items()}


def _dulled(images: int, steps: int) -> None:
    """What line widths take off linear and saturating layers, and what calibration on data, in steps, gives back."""
    design, held = _mnist("plan.p_max=50 nW", "neuron.bandwidth=10 kHz")
    some = design.images(MNIST / "mnist_calibration.npz").images[:images]
    saturating = saturating_weights(design, held)
    for name, base in (("linear", None), ("saturating", saturating)):
        lost = ", ".join(f"{one.layer} {one.dulled:.1%}" for one in noise_budget(design, held, some, base))
        info(f"voltages that line widths take at 50 nW, {name} resonators", lost)
    for name, weights in (("sharp", saturating), ("of a line width", saturating_weights(design, held, wide=True))):
        fit = fit_on_data(design, weights, some, FitOptions(steps=steps))
        shown = [(one.layer, one.programmed[1], one.gained[1], one.fitted[1]) for one in fit.layers]
        figure = ", ".join(f"{layer} " + " -> ".join(f"{error:.2%}" for error in errors) for layer, *errors in shown)
        info(f"RMS error of sums at 50 nW, tones {name}: programmed -> gain -> {steps} steps of the fit", figure)


def _accuracy(settings: tuple[str, ...], count: int, repeats: int) -> float:
    design, held = _mnist(*settings)
    data = design.images(MNIST / "mnist_test.npz")
    few = replace(data, images=data.images[:count], labels=data.labels[:count])
    trained = classes(propagate(design.cnn, few.images))
    found = noisy_accuracy(design, held, few, trained, 1, repeats)
    what = f"{', '.join(settings)}: software on these {count:,} images"
    info(what, f"{found.software:.2%}")
    return found.mean


def _saturating(count: int) -> None:
    """What noise adds to what saturation takes, at 50 nW and 10 kHz, as programmed."""
    design, held = _mnist("plan.p_max=50 nW", "neuron.bandwidth=10 kHz")
    data = design.images(MNIST / "mnist_test.npz")
    few = replace(data, images=data.images[:count], labels=data.labels[:count])
    trained = classes(propagate(design.cnn, few.images))
    (found,) = saturating_accuracy(design, held, few, trained, reads=Reads(few=None))
    assert found.noisy is not None
    what = f"50 nW, 10 kHz, {count:,} images, saturating: without noise, with it (software {found.noisy.software:.2%})"
    info(
        what, f"{found.circuit:.2%}, {found.noisy.mean:.2%}"
    )  # a point that people chose; those of `operate` have bars


def claims(quick: bool) -> None:
    """Print all claims; `quick`: one power and program, fewer images, and no cascade beside sequential hardware."""
    _chain()
    for layer, bandwidth in (("conv1", 20e6), ("dense1", 20e6), ("dense1", 10e3)):
        _neuron(layer, bandwidth)
    for power in ("50 nW",) if quick else AUDIT:
        for method in METHODS[quick:]:
            _precession(power, 30 if quick else 100, method)
    for power in ("50 nW",) if quick else ("50 nW", "1 uW"):
        _saturated(power, 5 if quick else 100)
    if not quick:
        _dulled(100, 1)
        _both_ways(1500)
    count = 200 if quick else 10_000
    guess = _accuracy(("plan.p_max=2 nW", "neuron.bandwidth=20 MHz"), count, 1)
    show(f"2 nW, 20 MHz, {count:,} images: accuracy with noise", f"{guess:.2%}", "<= 15 %: it guesses", guess <= 0.15)
    good = _accuracy(("plan.p_max=50 nW", "neuron.bandwidth=10 kHz"), count, 1 if quick else 3)
    if not quick:
        _saturating(1000)
    bar = 0.965 if quick else 0.984
    show(f"50 nW, 10 kHz, {count:,} images: accuracy with noise", f"{good:.2%}", f">= {100 * bar:g} %", good >= bar)
