"""10,000 images through the cascade with ideal and with physical neurons, noise, and the ONNX form of activations."""

import time

import numpy as np
import onnxruntime
from _neurons_networks import DIGITS, MNIST, digits_design, mnist_images
from _show import info, show
from numpy.typing import NDArray

from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.cascade.hardware import Hardware, parallel_hardware
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.noise.budget import noise_budget
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.neuron_options import Kind
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate

__all__ = ["claims"]

SHOWN = ("johnson", "precession", "phase")
NOISY = 2000  # images that noise is drawn for


def _hardware(design: Design, kind: Kind | None) -> Hardware:
    """Cascade of a design with the weights of its sequential hardware, calibrated."""
    calibrated = calibrate(design).design
    names = [entry.layer.name for entry in calibrated.plan.layers]
    weights = {name: effective_weights(calibrated, name, "calibrated", engine=linear) for name in names}
    return parallel_hardware(calibrated, kind=kind, images=mnist_images("calibration").images, held=weights)


def _design(model: str, settings: tuple[str, ...] = ()) -> Design:
    return compile_cnn(MNIST / model, read_parameters(None, settings), mnist_images("calibration"))


def _onnx(quick: bool) -> None:
    """Networks with oscillators in onnxruntime against the trained network as read."""
    worst, same, count = 0.0, 0, 0
    digits = [(DIGITS / f"digits_{k}.onnx", *digits_design(k)) for k in ("three_terminal", "two_terminal")]
    cases = [(path, design.cnn, np.asarray(data.images, float)) for path, design, data in digits]
    if not quick:
        name = "mnist_three_terminal.onnx"
        cases.append((MNIST / name, _design(name).cnn, np.asarray(mnist_images("test").images, float)))
    for path, cnn, images in cases:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        wanted = np.asarray(session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})[0])
        logits = propagate(cnn, images)
        worst = max(worst, float(np.abs(logits - wanted).max() / np.abs(wanted).max()))
        same, count = same + int((logits.argmax(1) == wanted.argmax(1)).sum()), count + len(images)
    show(f"oscillators as ONNX functions, {count:,} images: onnxruntime", f"{worst:.0e}", "<= 1e-5", worst <= 1e-5)
    show("oscillators as ONNX functions: same class", f"{same:,}", "all", same == count)


def _noise(name: str, hardware: Hardware, images: Array, labels: NDArray[np.int64]) -> None:
    """Noise of every layer against the range of its sums, and the accuracy with all of it; resonators are linear."""
    for budget in noise_budget(hardware.holder, hardware.held, images[:200]):
        parts = {source: f"{sigma / budget.full_scale:.2%}" for source, sigma in budget.sources.items()}
        told = ", ".join(f"{part} {source}" for source, part in parts.items() if source in SHOWN)
        over = (budget.sources["precession"] / budget.sources["johnson"]) ** 2
        info(f"{name}, {budget.layer}: noise, of the range of the sums", f"{budget.noise / budget.full_scale:.2%}")
        info(f"{name}, {budget.layer}: of it", told)
        info(f"{name}, {budget.layer}: precession over Johnson noise, power", f"{over:.2g}")
    classes = cascade(hardware.levels, hardware.noisy(), images).logits.argmax(1)
    info(f"{name}: accuracy with noise", f"{np.mean(classes == labels):.2%}")


def claims(quick: bool) -> None:
    """Print the claims of this part."""
    _onnx(quick)
    data = mnist_images("test")
    count = 300 if quick else len(data.images)
    images, labels = np.asarray(data.images[:count], float), np.asarray(data.labels[:count])
    shipped = _design("mnist.onnx")
    software = propagate(shipped.cnn, images).argmax(1)
    info(f"software, ReLU, {count:,} images", f"{np.mean(software == labels):.2%}")
    cases: list[tuple[str, Design, Kind | None]] = [
        ("ideal neurons", shipped, "relu"),
        ("three-terminal in place of ReLU", shipped, "three_terminal"),
        ("the same with a thermal power of 1e-4", _design("mnist.onnx", ("neuron.seed=1e-4",)), "three_terminal"),
        ("two-terminal in place of ReLU", shipped, "two_terminal"),
        ("trained with three-terminal", _design("mnist_three_terminal.onnx"), None),
    ]
    hardware = {}
    for name, design, kind in cases:
        hardware[name] = _hardware(design, kind)
        begin = time.perf_counter()
        classes = cascade(hardware[name].levels, hardware[name].held, images).logits.argmax(1)
        taken = time.perf_counter() - begin
        show(f"{count:,} MNIST images, {name}: time", f"{taken:.1f} s", "<= 60 s", taken <= 60)
        info(f"{name}: accuracy through the cascade", f"{np.mean(classes == labels):.2%}")
    points = (("2 nW", "20 MHz"), ("2 nW", "1 kHz"), ("2 nW", "100 Hz"), ("50 nW", "10 kHz"), ("1 uW", "20 MHz"))
    for power, bandwidth in points[:1] if quick else points:
        settings = (f"plan.p_max={power}", f"neuron.bandwidth={bandwidth}", "neuron.p1db=100 W")
        with collected():  # of tones above the linear power: what is shown is the noise of linear resonators
            hardware = _hardware(_design("mnist.onnx", settings), "relu")
            _noise(f"p_max {power}, {bandwidth}", hardware, images[:NOISY], labels[:NOISY])
