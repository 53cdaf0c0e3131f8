"""Neurons under strip lines: the parallel convolution from pixel tones to logits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.cascade.hardware import Hardware, parallel_hardware
from resonet.cosim.cascade.image_run import RunOptions, prepare, run_image
from resonet.cosim.cascade.line_dynamics import line_passes
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.fixed_step.transients import TransientEngine
from resonet.cosim.saturation.lines import SaturatingLines
from resonet.cosim.strip.held import StripWeights, interfering
from resonet.cosim.strip.laid_out import lay_out
from resonet.cosim.weights.engines import auto, linear
from resonet.cosim.weights.held import HeldWeights, trained_weights
from resonet.models.resonator.tone_time import integrate_tones
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet, read_images

__all__ = ["claims"]

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
LINES = ("feed.kind=stripline", "feed.layers=all")
NOT_COMPRESSED = ("neuron.p1db=1 kW", "plan.p_max=20 pW")
NETWORKS = ("digits_relu", "digits_residual")
SATURATED = {2e-9: 1e-6, 200e-9: 1e-5}  # tone powers, W, and bars
IMAGE, STOP, WINDOW = 3, 300e-9, 80e-9


def _images(which: str) -> ImageSet:
    return read_images(DIGITS / f"digits_{which}.npz", (1, 8, 8))


def _design(name: str, *settings: str) -> Design:
    parameters = read_parameters(DIGITS / "design.toml", list(settings))
    return compile_cnn(DIGITS / f"{name}.onnx", parameters, _images("calibration"))


def _largest(found: Array, wanted: Array) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def _ideal(name: str, images: Array) -> None:
    """Ideal lines against buses that hold exactly the trained weights, amplifiers far from compression."""
    design = _design(name, *LINES, *NOT_COMPRESSED, "feed.causes=none")
    lines, bus = prepare(design, "coupled", engines=("two-pass",)), design.on_buses()
    held = trained_weights(bus.cnn)
    buses = parallel_hardware(bus, "coupled", held=held)  # type: ignore[arg-type]
    off = _largest(cascade(lines.levels, lines.held, images).logits, cascade(buses.levels, held, images).logits)
    show(f"{name}: logits, ideal lines against ideal buses, {len(images)} images", f"{off:.1e}", "1e-9", off <= 1e-9)


def _beating(design: Design, hardware: Hardware, seed: int | None) -> dict[str, HeldWeights]:
    """Weights with interference: random phases, or all lines in step."""
    held = dict[str, HeldWeights](hardware.held)
    for name, own in hardware.held.items():
        if isinstance(own, StripWeights):
            beating = interfering(own, lay_out(design, name).solve(), seed or 0)
            held[name] = beating if seed is not None else replace(beating, phases=np.zeros(len(own.usage.inputs)))
    return held


def _right(logits: Array, labels: Array) -> float:
    return float((logits.argmax(1) == labels).mean())


def _accuracy(name: str, quick: bool) -> None:
    """End to end over the test images."""
    test = _images("test")
    images, labels = test.images, np.asarray(test.labels)
    bus = prepare(_design(name), engines=("two-pass",))
    on_buses = _right(cascade(bus.levels, bus.held, images).logits, labels)
    info(f"{name}: accuracy end to end on buses", f"{100 * on_buses:.2f} %")
    design = _design(name, *LINES)
    for method in ("calibrated",) if quick else ("coupled", "shared", "calibrated"):
        made = prepare(design, method, engines=("two-pass",), engine=linear)
        logits = cascade(made.levels, made.held, images).logits
        share = _right(logits, labels)
        if method == "calibrated":
            show(
                f"{name}: accuracy under strip lines, calibrated",
                f"{100 * share:.2f} %",
                "0.5 points of buses",
                abs(share - on_buses) <= 0.005,
            )
        else:
            info(f"{name}: accuracy under strip lines, {method}", f"{100 * share:.2f} %")
    shares = []
    for seed in range(1 if quick else 5):
        beats = cascade(made.levels, _beating(design, made, seed), images).logits
        shares.append((_right(beats, labels), _largest(beats, logits)))
    text = f"{100 * min(s for s, _ in shares):.2f}-{100 * max(s for s, _ in shares):.2f} %"
    info("    with interference of lines of one frequency, random phases", text)
    info("    its largest part of the largest logit", f"{100 * max(off for _, off in shares):.1f} %")


def _witness(design: Design) -> None:
    """Weights of lines checked by ngspice's strip RF decks."""
    for name, held in prepare(design, engine=auto).held.items():
        assert held.witness is not None
        apart, what = held.witness.difference, f"{name} under lines by ngspice, {held.witness.buses} windows"
        show(what, "none" if apart is None else f"{apart:.1e}", "1e-6", apart is not None and apart <= 1e-6)


def _energy(name: str) -> None:
    """One image by the envelope, and what it draws, on lines and on buses."""
    images = _images("test").images
    for feed, settings in (("buses", ()), ("strip lines", LINES)):
        made = prepare(_design(name, *settings))
        run = run_image(made, images, IMAGE, RunOptions(("two-pass", "envelope")))
        off = _largest(run.answers["envelope"].logits, run.answers["two-pass"].logits)
        show(f"{name} on {feed}: envelope against two passes", f"{off:.1e}", "1e-9", off <= 1e-9)
        assert run.energy is not None
        tuning = sum(stage.tuning for stage in run.energy.stages)
        info("    latency, all logits within 1 %", f"{1e9 * run.latency:.0f} ns")
        info("    energy of the image", f"{1e12 * run.energy.total:.0f} pJ")
        info("    RF of sources per synaptic operation", f"{1e15 * run.energy.per_synapse_with_sources:.2f} fJ")
        info("    all supplies per neuron operation", f"{1e12 * run.energy.per_neuron:.1f} pJ")
        info("    tuning currents", f"{1e12 * tuning:.1f} pJ")


def _referee(name: str, engine: TransientEngine) -> None:
    """A whole network with all parasitics of its lines in time."""
    design, image = _design(name, *LINES), _images("test").images[IMAGE]
    made = prepare(design, engines=("two-pass", "fixed_step"))
    plain = cascade(made.levels, made.held, image[None]).logits[0]
    beats = cascade(made.levels, _beating(design, made, None), image[None]).logits[0]
    run = run_cascade(made.levels, image, cascade_timing(made.levels, STOP), WINDOW, engine=engine)
    for what, wanted in (("two passes", plain), ("two passes with interference", beats)):
        off = _largest(run.logits, wanted)
        show(f"{name} in {engine}: logits against {what}", f"{100 * off:.3f} %", "1 % of full scale", off <= 0.01)


def _against_time(name: str, quick: bool) -> None:
    """A chain of saturating resonators under all lines that reach it, against its oscillators integrated in time."""
    for power, bar in SATURATED.items() if not quick else [*SATURATED.items()][1:]:
        hardware = _saturating(name, power)
        line, law = next(iter(hardware.lines.values())), hardware.holder.parameters.saturation
        passes, carried = next(line_passes(line)), np.random.default_rng(4).uniform(0.2, 1, len(line.usage.inputs))
        near = np.flatnonzero(np.abs(passes.gains[0]) > 1e-9 * np.abs(passes.gains[0]).max())
        currents = np.zeros((len(near), len(line.frequencies)))
        for n, tone in enumerate(passes.tones):
            currents[:, tone] += np.abs(passes.current[n, near]) ** 2 * carried[passes.lines[n]]
        built = line.frequencies[passes.circuit.tone]
        f_res = (built + (line.programmed[passes.circuit.resonators] - built) * passes.share)[near]
        phases = np.random.default_rng(5).uniform(0, 2 * np.pi, len(line.frequencies))
        timed = integrate_tones(line.device, law, f_res, line.frequencies, currents, power, phases)
        unit, own = line.device.sensitivity * power, hardware.answering[line.layer.name]
        assert isinstance(own, SaturatingLines)
        found = own.table.heard(carried[None], None, noisy=False)[0][0, passes.chains[0]]
        off = abs(found - float(passes.gains[0, near] @ timed)) / unit
        what = f"{name}: a chain under lines at {1e9 * power:g} nW, balance - integration"
        show(what, f"{off:.1e}", f"<= {bar:.0e} K_SD p_max", off <= bar)
        weights = hardware.held[line.layer.name]
        assert isinstance(weights, StripWeights)
        linear_law = float(weights.values[passes.chains[0]] @ carried) * weights.scale / weights.gain * power
        info("    what saturation takes there, parts of K_SD p_max", f"{(linear_law - found) / unit:+.1e}")


def _saturating(name: str, power: float) -> Hardware:
    """A network under lines whose resonators saturate, as calibrated."""
    with collected():  # of tones above the linear range
        design = _design(name, *LINES, f"plan.p_max={power:g} W")
        return prepare(design, engines=("two-pass",), engine=linear).saturated()


def _saturating_accuracy(name: str) -> None:
    """End to end over the test images with saturating resonators."""
    test = _images("test")
    for power in SATURATED:
        made = _saturating(name, power)
        share = _right(cascade(made.levels, made.answering, test.images).logits, np.asarray(test.labels))
        info(f"{name} under strip lines, saturating at {1e9 * power:g} nW: accuracy", f"{100 * share:.2f} %")


def claims(quick: bool) -> None:
    """Print all claims; `quick`: one network, few images, no energy and nothing that saturates but at 200 nW."""
    images = _images("test").images
    for name in NETWORKS[:1] if quick else NETWORKS:
        _ideal(name, images[:20] if quick else images)
    _witness(_design("digits_relu", *LINES))
    for name in NETWORKS[:1] if quick else NETWORKS:
        _accuracy(name, quick)
    _against_time("digits_relu", quick)
    if not quick:
        _energy("digits_relu")
        _saturating_accuracy("digits_relu")
        _referee("digits_relu", "fixed_step")
        _referee("digits_relu", "ngspice")
