"""Operating points of the MNIST network that `resonet operate` found, and the closed forms behind the search."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from _show import info, show

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.cascade.energy_budget import LITERATURE, energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.settle import predicted_settling
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.operate.axes import DEFAULT, chosen_axes
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.limits import KINDS, shortest_time
from resonet.cosim.operate.measuring import fitted, measure
from resonet.cosim.operate.points import METHOD, Setting, at_setting, restructured
from resonet.cosim.operate.power import drawn
from resonet.cosim.operate.records import Found, SearchOptions
from resonet.cosim.operate.search import operating_points
from resonet.cosim.operate.surrogate import surrogate
from resonet.cosim.operate.tolerances import tolerance
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.models.circuit.tile_coupling import tone_coupling
from resonet.models.presets.preset import list_presets
from resonet.models.resonator.chain import Chains, solve_chains
from resonet.models.resonator.far_chain import effective_reach
from resonet.netlist.bus.linear_chain import tee_parameters
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, plan
from resonet.netlist.planning.tile_coupling import tile_coupling
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["claims"]

POINTS = {"operating_point.toml": (0.985, 10e-6)}  # accuracy, s
LOOKED = {"structures": 4, "measured": 1, "images": 4000}  # as in docs/guide/operate.md
IMAGES = {True: 50, False: 10_000}
WIDER, LEVELLED = 5.0, 1000  # bandwidth and images that levels of tones are compared at


@cache
def mnist(
    point: str | None, preset: str | None = None, scale: str | None = None, levels: str = "equal"
) -> tuple[Design, ImageSet]:
    """The shipped network at one of its points; without one, with tones as strong as their weights need."""
    scale = scale or (None if point else "neuron")
    with as_file(files("resonet.examples.mnist")) as folder, collected():
        more = [f"plan.levels={levels}", *([f"plan.scale={scale}"] if scale else [])]
        given = read_parameters(folder / point if point else None, more, preset)
        cnn = read_cnn(folder / "mnist.onnx")
        images = read_images(folder / "mnist_calibration.npz", cnn.input_shape, cnn.pixels)
        design = compile_cnn(folder / "mnist.onnx", given, images)
        return design, design.images(folder / "mnist_test.npz")


@cache
def batch() -> Array:
    """Images that detunings are fitted on."""
    with as_file(files("resonet.examples.mnist")) as folder:
        return mnist(None)[0].images(folder / "mnist_calibration.npz").images


def sample(data: ImageSet, count: int) -> ImageSet:
    of = np.random.default_rng(3).permutation(len(data.images))[:count]
    return replace(data, images=data.images[of], labels=data.labels[of])


def _far() -> None:
    """Near and far programs of the same weights."""
    weights = np.clip(np.random.default_rng(1).normal(0, 0.18, (400, 6)), -0.8, 0.8)
    excited = {}
    for reach in (1.0, 50.0):
        of = Chains(np.geomspace(20e9, 1e9, 6), np.where(np.arange(6) % 2, -1.0, 1.0), 0.01, reach=reach)
        u, worst = solve_chains(weights, of)
        apart = (of.frequencies[:, None] * (1 + 0.01 * u[:, None, :]) / of.frequencies - 1) / 0.01
        excited[reach] = float(np.mean((1 / (1 + apart**2)).sum(2)))
        show(
            f"six tones, reach {reach:g}: largest error of 400 chains",
            f"{worst.max():.1e}",
            "1e-9 of K_SD",
            worst.max() < 1e-9,
        )
    part, farthest = excited[50.0] / excited[1.0], effective_reach(50.0, of.frequencies, 0.01)
    back = float(np.mean(np.abs(weights) < 2 * farthest / (1 + farthest**2)))  # that no far resonator holds alone
    show(
        "precession that tones excite, reach 50 over reach 1",
        f"{part:.2f}",
        f"{back:.2f} (too small) + 0.05",
        part < back + 0.05,
    )


def _tone_noise(weights: Array, levels: Array, reach: float) -> Array:
    """Precession and phase noise in a layer's sums, and precession, for weights [chains, taps] and full tones [taps].

    Any unit; the largest weight over its level at 0.92 of a resonator's range, all tones on to the same part.
    """
    scale = 0.92 / float((np.abs(weights) / levels).max())
    held = np.clip(np.abs(weights) / levels * scale, 1e-12, None)
    root = np.sqrt(1 - held**2)
    u = np.where(held < 2 * reach / (1 + reach**2), (1 - root) / held, (1 + root) / held)
    part, slope = 1 / (1 + u**2), 2 * (1 - u**2) / (1 + u**2) ** 2
    return np.array([(levels * part).sum(), (levels**2 * slope**2).sum()]) / scale**2


def _programmed_noise(scale: str, levels: str) -> dict[str, Array]:
    """By layer: precession and phase noise of programs in its sums for full tones, power of these; per unit weight."""
    with collected():
        design, _ = mnist("operating_point.toml", scale=scale, levels=levels)
        found = {}
        for name, held in network_weights(design, METHOD, linear).items():
            noise = layer_noise(design, held)
            assert noise.precession is not None
            squares = noise.precession, noise.slope**2
            sums = [float((one / noise.unit[..., None] ** 2).sum()) for one in squares]
            found[name] = np.array([*sums, design.plan.layer(name).carries[1]])
    return found


def _levels(quick: bool) -> None:
    """Tones as strong as their weights need against tones that are all alike."""
    design, data = mnist("operating_point.toml", scale="layer")
    for layer in design.cnn.synapses:
        weights = layer.held[0]
        levels = np.abs(weights).max(0) / np.abs(weights).max()
        noise, phase = _tone_noise(weights, levels, 22) / _tone_noise(weights, np.ones_like(levels), 22)
        info(f"tones as their weights need, {layer.name}: precession noise, of that of equal ones", f"{noise:.2f}")
        info(f"tones as their weights need, {layer.name}: phase noise", f"{phase:.3f}")
        info(f"tones as their weights need, {layer.name}: their power", f"{levels.mean():.2f}")
    for scale in ("neuron",) if quick else ("layer", "neuron"):
        equal, levelled = (_programmed_noise(scale, levels) for levels in ("equal", "precession"))
        for name, own in levelled.items():
            noise, phase, power = own / equal[name]
            told = f"{noise:.2f}, phase {phase:.3f}, power {power:.2f}"
            info(f"plan.levels=precession, plan.scale={scale}, {name}: precession noise of equal", told)
    if quick:
        return
    found = {}
    for scale, levels in (("layer", "equal"), ("layer", "precession"), ("neuron", "equal"), ("neuron", "precession")):
        with collected():
            own = mnist("operating_point.toml", scale=scale, levels=levels)[0]
            some, setting = sample(data, 300), Setting.of(own.parameters)
            allowed = tolerance(own.cnn, some.images, some.labels)
            powers, band = [setting.p_max / 4, setting.p_max * 4], (setting.bandwidth / 4, setting.bandwidth * 4)
            made = surrogate(restructured(own, {}, ()), allowed, some.images[:20], powers, band).fitted()
            found[scale, levels] = made.variance(setting) / allowed.variance(0.985)
        info(
            f"operating_point.toml, plan.scale={scale}, plan.levels={levels}: variance at the outputs, of what 98.5 % "
            "allows",
            f"{found[scale, levels]:.2f}",
        )
    equal = found["layer", "equal"]
    for case, bar in ((("neuron", "equal"), 0.6), (("layer", "precession"), 0.6), (("neuron", "precession"), 0.5)):
        show(
            f"plan.scale={case[0]}, plan.levels={case[1]}: variance at the outputs, of equal tones of layers",
            f"{found[case] / equal:.2f}",
            f"{bar:g}",
            found[case] < bar * equal,
        )


def _levels_on_images() -> None:
    """Accuracy with all noise and saturation at several times the bandwidth of the point, levels of tones beside."""
    found = {}
    for levels in ("equal", "precession"):
        design, data = mnist("operating_point.toml", levels=levels)
        setting = Setting.of(design.parameters)
        with collected():
            at = at_setting(design, replace(setting, bandwidth=WIDER * setting.bandwidth))
            found[levels] = measure(fitted(at, batch()), sample(data, LEVELLED), 11)
        info(
            f"operating_point.toml at {WIDER:g} times its bandwidth, plan.levels={levels}, {LEVELLED:,} images",
            f"{100 * found[levels].accuracy:.2f} % (error {100 * found[levels].error:.2f})",
        )
    show(
        "tones as strong as their weights need: more images in their class",
        f"{100 * (found['precession'].accuracy - found['equal'].accuracy):.2f} %",
        "above 0",
        found["precession"].accuracy > found["equal"].accuracy,
    )


def _settling() -> None:
    """Closed form of the latency against the step response of the blocks."""
    design, _ = mnist("operating_point.toml")
    hardware = parallel_hardware(design, METHOD, held=network_weights(design, METHOD, linear))
    step = float(predicted_settling(hardware.levels, 0.01, 4e-9)[-1])
    off = latency(design).parallel / step - 1
    show(
        "latency by two cumulants against the integrated step response",
        f"{100 * off:+.1f} %",
        "within 10 %",
        abs(off) < 0.1,
    )


def _found(quick: bool) -> None:
    """Accuracy with all noise and saturation at the shipped points."""
    for name, (target, longest) in POINTS.items():
        design, data = mnist(name)
        some = sample(data, IMAGES[quick])
        found, time = measure(fitted(design, batch()), some, 11), latency(design)
        bar = f"{100 * target:g} %" + (f" - {200 * found.error:.1f}" if quick else "")
        least = target - (2 * found.error if quick else 0)
        show(
            f"{name}: saturation and all noise, {found.images:,} images",
            f"{100 * found.accuracy:.2f} %",
            bar,
            found.accuracy >= least,
        )
        show(
            f"{name}: latency of an image",
            f"{1e6 * time.parallel:.1f} us",
            f"{1e6 * longest:g} us",
            time.parallel <= longest,
        )
        info(f"{name}: with one copy of every kernel", f"{1e6 * time.sequential:.0f} us")


def _energy(quick: bool) -> None:
    """Energy of an image in closed form against that of envelopes over the same time, and per operation."""
    design, data = mnist("operating_point.toml")
    image, p_max, time = data.images[:1].astype(float), design.plan.options.p_max, latency(design).parallel
    closed = drawn(design, image)
    if not quick:
        levels = parallel_hardware(restructured(design, {}, ()), METHOD).levels
        spent = energy(levels, envelope(levels, image[0], time, time / 60), image[0])
        for what, one, other, bar in (
            ("energy of an image", closed.power(p_max) * time, spent.total, 0.01),
            ("RF in the resonators", closed.resonators * p_max * time, sum(s.resonators for s in spent.stages), 0.1),
        ):
            off = one / other - 1
            what = f"{what}, closed form against currents in time, {1e6 * time:.2f} us"
            show(what, f"{100 * off:+.2f} %", f"within {100 * bar:g} %", abs(off) <= bar)
    info("operating_point.toml: drawn for an image", f"{1e6 * closed.power(p_max) * time:.1f} uJ")
    for what, power in (("all that is drawn", closed.power(p_max)), ("RF in the resonator", closed.resonators * p_max)):
        info(f"{what}, per synaptic operation", f"{1e15 * power * time / closed.operations:.4g} fJ")
    for what, joule in LITERATURE.items():
        info(f"literature, junctions of 20 nm, per {what} operation", f"{1e15 * joule:g} fJ")


def _told(name: str, found: Found, target: float, images: int) -> None:
    """A point that a search found, beside the time that noise leaves its structure."""
    error = found.confirmed.error
    show(
        f"{name}: operate by itself, {100 * target:g} %, on {images:,} images it has not seen",
        f"{100 * found.confirmed.accuracy:.2f} %",
        f"{100 * target:g} % (error {100 * error:.2f})",
        found.confirmed.accuracy >= target,
    )
    power, band, made = 1e9 * found.setting.p_max, 1e-3 * found.setting.bandwidth, found.surrogate
    info(f"{name}: tone power and bandwidth", f"{power:.4g} nW, {band:.4g} kHz")
    info(f"{name}: latency", f"{1e6 * found.latency.parallel:.3g} us")
    for noise, sources in KINDS.items():
        limit, best = shortest_time(made, found.powers, made.tolerance.variance(target), sources)
        info(f"{name}: shortest time that {noise} leaves, at {1e9 * best:.3g} nW", f"{1e6 * limit:.3g} us")
    info(f"{name}: energy of an image", f"{1e6 * found.energy:.4g} uJ")
    coupled = [own.largest for entry in found.design.plan.layers if (own := tile_coupling(found.design.plan, entry))]
    info(f"{name}: largest current of a tone in the tile beside its own", f"{100 * max(coupled, default=0):.2f} %")


def presets(names: Sequence[str]) -> None:
    """Every device of the literature in its own band: the point of a small search at 98 %, and the limit beside."""
    for preset in names:
        design, data = mnist(None, preset)
        if design.parameters == mnist(None)[0].parameters:
            info(f"{preset}: the default device", "")
            continue
        options = SearchOptions(0.98, structures=3, measured=1, images=500)
        with collected():
            try:
                axes = chosen_axes(",".join(DEFAULT))
                found = operating_points(design, sample(data, 2500), axes, options, batch=batch())
            except InputError as error:
                show(f"{preset}: operate by itself, 98 %", "not reached", "98 %", False)
                info(f"  {error}"[:240], "")
                continue
        _told(preset, found, 0.98, found.confirmed.images)


def _by_itself(name: str, target: float, longest: float) -> None:
    """The search from the default parameters, as `resonet operate` has it."""
    design, data = mnist(None)
    with collected():
        try:
            axes = chosen_axes(",".join(DEFAULT))
            found = operating_points(design, data, axes, SearchOptions(target, **LOOKED), batch=batch())
        except InputError:
            show(f"operate by itself, target {100 * target:g} %", "not reached", f"{100 * target:g} %", False)
            return
    _told("default device", found, target, found.confirmed.images)
    time = found.latency.parallel
    show("its latency", f"{1e6 * time:.2f} us", f"{1e6 * longest:g} us", time <= longest)
    shipped = mnist(name)[0].parameters
    off = found.setting.p_max / shipped.plan.p_max - 1, found.setting.bandwidth / shipped.neuron.bandwidth - 1
    worst = max(map(abs, off))
    info(f"its power and bandwidth, off {name}", f"{100 * worst:.1f} %")


def _spice_coupling(planned: FrequencyPlan, stack: tuple[Bus, Bus], driven: int, tone: int) -> float:
    """κ of a tone of one of two tiles in the other one, by `.ac` of the two alone."""
    circuit, tee, dialect, tail = planned.circuit, tee_parameters(planned.circuit), NGSPICE, "0"
    lines = dialect.write_head("kappa", "two tiles of a neuron", "../lib", ("bias_tee",))
    half = f"{circuit.node_capacitance / 2:.12g}"
    for t, bus in enumerate(stack):
        lines.append(dialect.format_source(f"ve{t}", f"e{t}", "0", dc="0", ac=str(int(t == driven))))
        lines.append(dialect.format_element(f"rs{t}", (f"e{t}", f"b{t}"), f"{bus.size[0] * circuit.impedance:.12g}"))
        lines.append(dialect.format_instance(f"xt{t}", (f"b{t}", f"w{t}", f"h{t}_0"), "bias_tee", tee))
        for k in range(bus.size[1]):
            foot = tail if k == bus.size[1] - 1 else f"h{t}_{k + 1}"
            lines.append(dialect.format_ammeter(f"vs{t}_{k}", f"h{t}_{k}", f"i{t}_{k}"))
            lines.append(dialect.format_element(f"r{t}_{k}", (f"i{t}_{k}", foot), f"{planned.device.resistance:.12g}"))
            for name, node in (("ca", f"h{t}_{k}"), ("cb", foot)):
                lines.append(dialect.format_element(f"{name}{t}_{k}", (node, "0"), half))
        tail = f"w{t}"
    lines.append(dialect.format_element("rin", (tail, "0"), f"{circuit.readout_resistance:.12g}"))
    current, f = dialect.current_of(f"vs{1 - driven}_{tone}"), float(stack[driven].frequencies[tone])
    lines += [dialect.format_save([current]), dialect.format_analysis(dialect.format_ac("lin", 1, f, f))]
    plot = run_deck(Deck("kappa", "\n".join([*lines, *dialect.write_runs("kappa")])))[0]
    seen = float(np.abs(plot.columns([current]))[0, 0])
    return seen * float(stack[driven].levels[tone]) * float(np.sqrt(planned.device.resistance / 2))


def _tiles() -> None:
    """What tiles do to each other at the points, and its closed form against ngspice."""
    given = read_parameters(preset="vortex_mtj")
    planned = plan(mnist("operating_point.toml")[0].cnn, given.device, given.bus, given.plan)
    found = [own.largest for entry in planned.layers if (own := tile_coupling(planned, entry))]
    info("vortex_mtj, tees for 1 GHz: largest current of a tone in the tile beside its own", f"{max(found):.0f} times")
    for name in POINTS:
        design, _ = mnist(name)
        found = [own.largest for entry in design.plan.layers if (own := tile_coupling(design.plan, entry))]
        info(f"{name}: largest current of a tone in the tile beside its own", f"{100 * max(found):.2f} %")
        chosen = "tiles" in design.parameters.noise.chosen
        show(f"{name}: that is among its noise", str(chosen), "True", chosen)
        entry, worst = design.plan.layers[-1], 0.0
        stack = entry.buses[0], entry.buses[1]
        f, sizes, chains = stack[0].frequencies, [bus.size[1] for bus in stack], [bus.size[0] for bus in stack]
        for driven in (0, 1):
            closed = tone_coupling(
                f, design.plan.device.resistance, sizes, chains, design.plan.circuit, driven, stack[driven].levels
            )[1 - driven]
            for tone in (0, len(f) - 1):
                worst = max(worst, abs(_spice_coupling(design.plan, stack, driven, tone) / closed[tone] - 1))
        show(f"{name}: the same of two tiles against ngspice, worst of 4", f"{worst:.1e}", "1e-3", worst < 1e-3)


def claims(quick: bool) -> None:
    """Lines of this part."""
    _far()
    _levels(quick)
    _settling()
    _tiles()
    _found(quick)
    _energy(quick)
    if not quick:
        _levels_on_images()
        for name, (target, longest) in POINTS.items():
            _by_itself(name, target, longest)
        presets(list_presets())
