"""Networks whose resonators saturate: against brute force, in their linear limit, and calibrated on data."""

from dataclasses import replace

import numpy as np
import pytest
from branches import RNG, graph_design, random_graph
from networks import dense

from resonet.core.errors import EngineError, InputError
from resonet.core.validity import collected
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.noise.repeats import Reads
from resonet.cosim.saturation.accuracy import at_power, balance_error, saturating_accuracy
from resonet.cosim.saturation.data_fit import fit_on_data
from resonet.cosim.saturation.fit import FitOptions
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import formula, linear, ngspice, readout_divider
from resonet.cosim.weights.inference import forward
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.forced_oscillation import forced_voltage
from resonet.models.resonator.precession_noise import saturated_line, saturated_precession_density
from resonet.models.resonator.tone_balance import Saturation, balance_tones
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import layer_sums
from resonet.netlist.network.images import ImageSet

QUIET = ("plan.tile=6", "plan.p_max=200 nW")


def lawful(design, **law):
    return replace(design, parameters=replace(design.parameters, saturation=Saturation(**law)))


@pytest.fixture(scope="module")
def graph():
    """A residual network with a diagonal addend, tiles and groups; design, images, weights."""
    cnn = random_graph(2, 4)
    images = RNG(1).uniform(0, 1, (40, *cnn.input_shape))
    with collected():
        design = graph_design(cnn, images, QUIET)
    return design, images, network_weights(design, "coupled", linear)


def brute_force(design, layer, carried):
    """Answers of a layer for carried [groups, n, positions, taps], V: every resonator's balance by plain iteration."""
    entry, device, law = design.plan.layer(layer), design.plan.device, design.parameters.saturation
    found = np.zeros((*carried.shape[:3], entry.layer.outputs))
    root, p_max = np.sqrt(1 - device.damping**2), design.plan.options.p_max
    x1 = np.sqrt(2) * device.threshold_current / (device.damping * np.tan(device.torque_angle))
    n = law.frequency_shift / device.damping
    for bus, f_res in zip(entry.buses, design.program("coupled").layer(layer).f_res, strict=True):
        i = bus_currents(bus.frequencies, device.resistance, bus.size[1], bus.size[0], design.plan.circuit, bus.below)
        square = np.abs(i * bus.levels[:, None]) ** 2 * p_max  # [tones, resonators]
        power = carried[bus.group][:, :, None, None, bus.taps] * square.T  # [n, positions, 1, resonators, tones]
        width = device.damping * f_res[..., None]
        d, e = (bus.frequencies - root * f_res[..., None]) / width, (bus.frequencies + root * f_res[..., None]) / width
        p = np.zeros(np.broadcast_shapes(power.shape, d.shape))
        for _ in range(400):
            y = 2 * p.sum(-1, keepdims=True) - p
            norm = (d - n * y) ** 2 + (1 + law.nonlinear_damping * y) ** 2
            p += 0.3 * (power / (2 * device.damping * root * x1) ** 2 / norm - p)
        y = 2 * p.sum(-1, keepdims=True) - p
        g = 1 + law.nonlinear_damping * y
        chi = ((e + n * y) / ((e + n * y) ** 2 + g**2) - (d - n * y) / ((d - n * y) ** 2 + g**2)) / (
            2 * device.damping * root
        )
        volts = (0.5 * device.transduction * power * chi).sum(-1) * bus.signs * readout_divider(design.plan, entry)
        found[bus.group][:, :, bus.outputs] += volts.sum(-1)
    return found.swapaxes(2, 3)


@pytest.mark.parametrize("shift", [0.0, 0.02])
def test_sums_are_those_of_brute_force(graph, shift):
    design, _, held = graph
    design = lawful(at_power(design, 20e-9), frequency_shift=shift)
    for name, own in saturating_weights(design, held, balance="full").items():
        layer = design.plan.layer(name).layer
        carried = RNG(3).uniform(0, 1, (layer.groups, 3, 2, layer.taps)) * RNG(4).integers(0, 2, layer.taps)
        wanted = brute_force(design, name, carried) / own.table.unit[:, None, :, None]
        # mirror tones and mixing, which plain iteration leaves out, are small here; saturation is not
        assert np.abs(own.products(carried) - wanted).max() <= 5e-4 * np.abs(wanted).max()
        assert np.abs(held[name].products(carried) - wanted).max() >= 2e-2 * np.abs(wanted).max()
        fast = replace(own, table=own.table.by("fast")).products(carried)
        assert np.abs(fast - own.products(carried)).max() <= 1e-4 * np.abs(wanted).max()
        noisy = replace(own, table=own.table.by("fast")).products(1.6 * carried)  # beyond the fast one's room
        assert np.abs(noisy - own.products(1.6 * carried)).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("balance", ["fast", "full"])
def test_linear_limit_is_the_linear_network(graph, balance):
    design, images, held = graph
    wanted = forward(design, held, images[:5])
    unsaturated = saturating_weights(lawful(design, nonlinear_damping=0.0), held, balance=balance)
    assert np.abs(forward(design, unsaturated, images[:5]) - wanted).max() <= 1e-9 * np.abs(wanted).max()
    off = []
    for power in (1e-13, 1e-12):  # and what is left is of first order in the power
        weak = saturating_weights(at_power(design, power), held, balance=balance)
        off.append(np.abs(forward(design, weak, images[:5]) - wanted).max())
    assert off[1] == pytest.approx(10 * off[0], rel=1e-2)
    assert off[0] <= 1e-5 * np.abs(wanted).max()


def test_one_tone_is_the_forced_oscillator():
    with collected():
        design = graph_design(dense(np.array([[0.7]])), RNG(1).uniform(0, 1, (4, 1)), ("plan.p_max=300 nW",))
    held = saturating_weights(
        lawful(design, frequency_shift=-0.05), network_weights(design, "coupled", formula), formula
    )
    f_res, tone = design.program("coupled").layer("dense1").f_res[0].item(), design.plan.layers[0].buses[0].frequencies
    device = AutoOscillator.from_spin_diode(design.plan.device, f_res, 2.0, -0.05 * f_res)
    carried = np.array([0.01, 0.3, 1.0]).reshape(1, 3, 1, 1)
    volts = held["dense1"].products(carried).ravel() * held["dense1"].table.unit.item()
    assert volts == pytest.approx(forced_voltage(device, tone, 300e-9 * carried.ravel()), rel=1e-7)


@pytest.mark.parametrize("shift", [0.0, 0.01])
def test_slopes_are_those_of_small_steps(graph, shift):
    design, _, held = graph
    name = design.plan.layers[1].layer.name
    weak = lawful(at_power(design, 20e-9), frequency_shift=shift)
    table = saturating_weights(weak, held, balance="full")[name].table
    bus = table.buses[0]
    carried, step = RNG(5).uniform(0, 1, (3, len(bus.taps))), 1e-4
    slopes = table.slopes(bus, carried)
    for k in range(len(bus.taps)):
        ends = []
        for side in (-1, 1):
            f_res = bus.f_res.copy()
            f_res[:, k] *= np.exp(-table.device.damping * side * step)
            ends.append(table.volts(replace(bus, f_res=f_res), carried))
        numeric = (ends[1] - ends[0]) / (2 * step)
        assert np.abs(slopes[..., k] - numeric).max() <= 2e-3 * np.abs(slopes).max()  # mixing is left out


@pytest.mark.slow
def test_calibration_on_data_brings_back_sums_that_were_not_seen(graph):
    design, images, held = graph
    weights = saturating_weights(design, held)
    trained, before = forward(design, held, images), forward(design, weights, images)
    fit = fit_on_data(design, weights, images, FitOptions(steps=3, held_out=0.3))
    assert (fit.images, fit.held_out) == (28, 12)
    for one in fit.layers:
        assert one.fitted[1] < one.gained[1] < one.programmed[1]
        assert one.fitted[0] < 0.7 * one.gained[0]
    unseen = RNG(9).uniform(0, 1, (20, *images.shape[1:]))
    off = [np.abs(forward(design, own, unseen) - forward(design, held, unseen)).std() for own in (weights, fit.held)]
    assert off[1] < 0.4 * off[0]
    # the program of a design does what the fitted layers do
    made = fit.design(design, "coupled")
    again = saturating_weights(made, network_weights(made, "fitted", linear))
    assert (
        np.abs(forward(made, again, images) - forward(design, fit.held, images)).max() <= 1e-9 * np.abs(trained).max()
    )
    # and its gain makes the noise of the chains larger, too: held against the program's own scales
    noise = [layer_noise(made, own).unit for own in network_weights(made, "fitted", linear).values()]
    plain = [layer_noise(design, own).unit for own in held.values()]
    for one, own, before_it in zip(fit.layers, noise, plain, strict=True):
        assert own * one.gain == pytest.approx(before_it, rel=1e-12)
        assert one.gain > 1.01
    assert np.abs(before - trained).max() > 0.05 * np.abs(trained).max()
    assert made.fitted.unlike(200e-9, Saturation()) == ""
    told = made.fitted.unlike(100e-9, Saturation(3.0))
    assert told == "plan.p_max 1e-07 W, fitted for 2e-07 W, saturation.nonlinear_damping 3, fitted for 2"
    with collected():
        labels, reads = ImageSet("unseen", images, np.zeros(40, np.int64)), Reads(seed=3, repeats=2)
        batch = ImageSet("batch", images, None)
        many = saturating_accuracy(
            design, held, labels, np.zeros(40, np.int64), (), batch, options=FitOptions(steps=0), reads=reads
        )
        wide = saturating_weights(design, held, wide=True)
        gained = fit_on_data(design, wide, images, FitOptions(steps=0)).design(design, "coupled")
        alone = saturating_accuracy(
            gained, network_weights(gained, "fitted", linear), labels, np.zeros(40, np.int64), reads=reads
        )
    assert many[1].noisy.shares == alone[0].noisy.shares  # the variant of a fit reads as the stored program does
    with collected() as warnings:
        labels = ImageSet("unseen", unseen, np.zeros(20, np.int64))
        saturating_accuracy(made, network_weights(made, "fitted", linear), labels, np.zeros(20, np.int64), (50e-9,))
    assert [one.code for one in warnings if one.code == "fitted-elsewhere"] == ["fitted-elsewhere"]


@pytest.mark.slow
def test_a_frequency_shift_is_followed_by_the_resonators(graph):
    design, images, held = graph
    shifted = lawful(at_power(design, 50e-9), frequency_shift=0.05)
    weights = saturating_weights(shifted, held)
    plain, closed, fit = (
        fit_on_data(shifted, weights, images[:24], FitOptions(steps=steps, predetune=predetune)).layers
        for steps, predetune in ((0, False), (0, True), (2, True))
    )
    for n, one in enumerate(fit):
        assert one.fitted[1] < 0.6 * plain[n].fitted[1]
        assert one.moved > 0.1
        assert closed[n].fitted[1] < 0.85 * plain[n].fitted[1]  # what the closed form mends by itself


def test_a_gain_alone_minimises_the_squares(graph):
    design, images, held = graph
    weights = saturating_weights(design, held)
    fit = fit_on_data(design, weights, images, FitOptions(steps=0))
    first = fit.layers[0]
    layer, scale = design.plan.layers[0].layer, design.scales[first.layer]
    seen = images[np.random.default_rng(0).permutation(40)][:32]
    found = weights[first.layer].sums(layer, seen, scale).swapaxes(0, 1).reshape(32, -1)
    wanted = (layer_sums(layer, seen) - layer.bias[:, None, None]).reshape(32, -1)
    assert first.gain == pytest.approx((found * wanted).sum() / (found**2).sum(), rel=1e-3)
    assert first.ridge == 0


def test_cascade_and_noise_take_them(small_model):
    images = RNG(6).uniform(0, 1, (6, 1, 8, 8))
    settings = read_parameters(None, ["plan.p_max=200 nW", "neuron.p1db=1 W"])
    with collected():
        design = compile_cnn(small_model, settings, ImageSet("images", images, np.zeros(0, np.int64)))
        held = network_weights(design, "coupled", linear)
        hardware = parallel_hardware(design, "coupled", images=images, held=held)
    saturating = saturating_weights(design, held)
    run = cascade(hardware.levels, saturating, images)
    wanted = forward(design, saturating, images)
    assert np.abs(run.logits - wanted).max() <= 5e-3 * np.abs(wanted).max()  # amplifiers, which `forward` has not
    assert np.abs(forward(design, held, images) - wanted).max() > 5e-2 * np.abs(wanted).max()
    blurred = cascade(hardware.levels, hardware.saturated().answering, images).logits  # line widths, as in `accuracy`
    wide = forward(design, saturating_weights(design, held, wide=True), images)
    assert np.abs(blurred - wide).max() <= 5e-3 * np.abs(wide).max() < np.abs(wide - wanted).max()
    noisy = noisy_weights(design, held, 1, saturating)
    read = [forward(design, noisy, images) for _ in range(2)]
    assert np.abs(read[0] - read[1]).max() > 0
    assert np.abs(np.mean(read, 0) - wanted).max() < np.abs(forward(design, held, images) - wanted).max()


@pytest.mark.parametrize(("balance", "shift"), [("fast", 0.0), ("fast", 0.05), ("full", 0.05)])
def test_noise_is_that_of_the_saturated_resonators(graph, balance, shift):
    """Every tone in every resonator with its own precession power, one after another; the linear law without power."""
    design, _, held = graph
    design = lawful(design, frequency_shift=shift)
    name = list(held)[-1]
    noisy = noisy_weights(design, held, 1, saturating_weights(design, held, balance=balance))[name]
    entry, device = design.plan.layer(name), design.plan.device
    carried = RNG(3).uniform(0, 1, (entry.layer.groups, 2, 1, entry.layer.taps))
    found = noisy.heard_by(carried, noisy.base.products)[1]
    wanted, p_max = np.zeros_like(found), design.plan.options.p_max
    programmed = design.program("coupled").layer(name).f_res
    for bus, f_res, at in zip(entry.buses, programmed, noisy.noise.agitation, strict=True):
        i = bus_currents(bus.frequencies, device.resistance, bus.size[1], bus.size[0], design.plan.circuit, bus.below)
        square = (np.abs(i * bus.levels[:, None]) ** 2).T  # [resonators, tones]
        widths = noisy.noise.tones.widths(carried)
        for image in range(2):
            watts = carried[bus.group, image, 0, bus.taps] * p_max
            wide = 0.0 if widths is None else widths[bus.group, image, :, bus.taps].T
            for j, output in enumerate(bus.outputs):
                law = design.parameters.saturation
                p = balance_tones(device, law, f_res[j], bus.frequencies, square, watts, wide).p[0]
                u = (bus.frequencies / f_res[j][:, None] - np.sqrt(1 - device.damping**2)) / device.damping
                others = p.sum(1, keepdims=True) - p
                line = saturated_line(u, p, others, law.nonlinear_damping, shift / device.damping)
                own = 0.5 * device.resistance * square * watts
                density = saturated_precession_density(device, f_res[j][:, None], own, 1.0, line)
                wanted[bus.group, image, output, 0] += density.sum() * at
    assert found == pytest.approx(wanted, rel=1e-3)
    assert (noisy.noise.linear_precession(carried) / found).min() > 1.1
    weak = at_power(design, 1e-13)
    noisy = noisy_weights(weak, held, 1, saturating_weights(weak, held, balance=balance))[name]
    found = noisy.heard_by(carried, noisy.base.products)[1]
    assert found == pytest.approx(noisy.noise.linear_precession(carried), rel=1e-4)


def test_what_cannot_be_is_refused(graph):
    design, images, held = graph
    with pytest.raises(InputError, match="engine ngspice with saturating resonators; possible: linear, formula"):
        saturating_weights(design, held, ngspice)
    with collected() as warnings:
        for power in (229e-9, 230e-9):
            saturating_weights(at_power(lawful(design, frequency_shift=0.1), power), held)
    assert [(one.code, one.value) for one in warnings] == [("fold-over", 230e-9)]
    weights = saturating_weights(design, held)
    with pytest.raises(InputError, match="19 images to calibrate on; possible: at least 20"):
        fit_on_data(design, weights, images[:19])
    with pytest.raises(InputError, match="balance 'slow': possible: fast, full"):
        saturating_weights(design, held, balance="slow")
    with pytest.raises(InputError, match=r"fit.inputs = 'none': possible: circuit, trained"):
        FitOptions(inputs="none")
    with pytest.raises(InputError, match="no fitted program yet; possible: resonet calibrate --on-data first"):
        design.program("fitted")
    assert 0 < balance_error(design, weights, images[:3]) < 1e-2
    with pytest.raises(EngineError, match=r"does not settle: .*; possible: less plan.p_max"):
        forward(design, saturating_weights(at_power(design, 1.0), held), images)
