"""Neurons with scales of their own in the circuit: errors, calibration, gains of transconductors, noise."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, dense, spread_model, tiny_model

from resonet.cosim.calibration.newton import Status, calibrate, calibrate_layer
from resonet.cosim.calibration.quantised import QuantisationOptions, quantise_layer
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade, pixel_tones
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, layer_response, linear
from resonet.cosim.weights.held import HeldWeights, PositionWeights
from resonet.cosim.weights.inference import accuracy, forward
from resonet.cosim.weights.summary import scaled_neurons, summarise
from resonet.netlist.cascade.deck import Timing, cascade_deck
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.neuron_scales import scaled_network
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.programming.methods import own_scale, program

IMAGES = RNG(9).uniform(0, 1, (8, 1, 3, 4))


def design_of(model, mode: str):
    return compile_cnn(
        model, read_parameters(None, [*SETTINGS, f"plan.scale={mode}"]), ImageSet(model, IMAGES, np.zeros(0))
    )


def held_by(design, method: str):
    return {e.layer.name: effective_weights(design, e.layer.name, method, engine=linear) for e in design.plan.layers}


def test_the_error_of_a_neuron_is_part_of_its_own_largest_weight():
    trained = np.array([[[2.0, -1.0, 0.0], [0.001, 0.002, 0.0], [0.0, 0.0, 0.0]]])
    off = np.array([[[0.3, 0.0, 0.0], [0.0, 2e-4, 0.0], [0.0, 0.0, 0.01]]])
    held = HeldWeights(layer="dense1", values=trained + off, trained=trained)
    wanted = np.array([0.3 / 2, 2e-4 / 0.002, 0.01 / 2]) / np.sqrt(3)
    assert held.neuron_errors == pytest.approx(wanted, rel=1e-12)
    assert (held.worst_neuron.neuron, held.worst_neuron.rms) == (0, pytest.approx(wanted[0]))
    values = np.stack([trained[0] + off[0], trained[0] - 2 * off[0]])[None]
    places = PositionWeights(layer="conv1", values=values, trained=trained[:, None])
    assert places.neuron_errors == pytest.approx(wanted * np.sqrt(2.5), rel=1e-12)


def test_scales_bring_the_outputs_back(tmp_path):
    """Errors of the coupled program by layer are the same; the outputs see the difference."""
    model = spread_model(tmp_path)
    off, rows = {}, {}
    for mode in ("layer", "auto", "neuron"):
        design = design_of(model, mode)
        software = propagate(design.trained, IMAGES)
        data = ImageSet(model, IMAGES, software.argmax(1))
        found = accuracy(design, held_by(design, "coupled"), data)
        logits = forward(design, held_by(design, "coupled"), IMAGES) - software
        assert found.logit_rms == pytest.approx(np.sqrt(np.mean(logits**2)) / np.abs(software).max(), rel=1e-9)
        assert found.logit_max == pytest.approx(np.abs(logits).max() / np.abs(software).max(), rel=1e-9)
        off[mode], rows[mode] = found.logit_rms, summarise(design, {"coupled": held_by(design, "coupled")})
    assert off["layer"] > 10 * off["auto"] > 10 * 0.5 * off["neuron"]
    by_layer = {mode: max(row.rms_error_coupled for row in rows[mode]) for mode in rows}
    assert by_layer["auto"] < 2 * by_layer["layer"] < 4 * by_layer["auto"]
    worst = rows["layer"][0]
    assert worst.neuron_error_coupled > 5 * worst.rms_error_coupled
    assert worst.worst_neuron == 3
    layers, helps = scaled_neurons(design_of(model, "auto"))
    assert helps > 10
    assert [(one.layer, one.raised, one.gain) for one in layers] == [("conv1", 0, 1.0)]


@pytest.mark.parametrize("mode", ["layer", "auto", "neuron"])
def test_calibrated_outputs_are_those_of_the_software(tmp_path, mode):
    done = calibrate(design_of(spread_model(tmp_path), mode))
    assert all(one.status is Status.CONVERGED for one in done.layers)
    found = forward(done.design, held_by(done.design, "calibrated"), IMAGES)
    wanted = propagate(done.design.trained, IMAGES)
    assert found == pytest.approx(wanted, abs=1e-6 * np.abs(wanted).max())


def jittery(amount: float) -> Engine:
    """An engine whose chains answer `amount` (of K_SD) beside, another way each time."""
    draw = RNG(1)

    def passes(planned, entry, f_res):
        found = linear(planned, entry, f_res)
        gains = [gain * (1 + amount * draw.choice([-1.0, 1.0], gain.shape)) for gain in found.gains]
        return replace(found, gains=tuple(gains))

    return Engine("jittery", passes)


def test_a_small_neuron_is_held_to_its_own_size():
    """Measurements jitter by far less than 1e-6 of the layer's largest weight, by more than that of the smallest."""
    weight = RNG(3).uniform(-1, 1, (3, 8)) * np.array([1.0, 1.0, 1e-4])[:, None]
    planned = plan(dense(weight))
    entry, start = planned.layers[0], program(planned).layers[0]
    found = calibrate_layer(planned, entry, start, jittery(1e-8))
    assert found.status is Status.NOT_SETTLED
    assert {failure.neuron for failure in found.failures} == {2}
    assert found.worst_neuron == 2
    assert found.failures[0].residual == found.worst_after > 1e-6
    assert found.program.residual < 1e-7  # of the layer's largest: what was looked at before
    own = np.abs(weight).max(1)
    up = plan(scaled_network(dense(weight), {}, {"dense1": (own.max() / own)[None]}))
    raised = calibrate_layer(up, up.layers[0], program(up).layers[0], jittery(1e-8))
    assert raised.status is Status.CONVERGED
    assert raised.worst_after < 1e-7


def test_what_numbers_do_not_resolve_is_asked_of_nobody():
    weight = RNG(3).uniform(-1, 1, (3, 8)) * np.array([1.0, 1e-14, 0.0])[:, None]
    planned = plan(dense(weight))
    found = calibrate_layer(planned, planned.layers[0], program(planned).layers[0], linear)
    assert found.status is Status.CONVERGED
    assert found.worst_neuron == 1


def test_raised_chains_answer_that_much_more_and_weights_come_out_in_trained_units():
    weight = RNG(3).uniform(-1, 1, (4, 12)) * np.array([1.0, 0.3, 0.01, 1e-3])[:, None]
    own = np.abs(weight).max(1)
    raised = own.max() / own
    cnn = scaled_network(dense(weight), {}, {"dense1": raised[None]})
    planned = plan(cnn)
    entry, programmed = planned.layers[0], program(planned).layers[0]
    responses = layer_response(planned, entry, programmed.f_res, linear)
    unit = programmed.weight_scale / planned.device.sensitivity
    values = np.concatenate([r.values for r in responses], axis=1)
    held = values / unit / raised[:, None]
    assert own_scale(entry, entry.buses[0]) == pytest.approx(raised[:, None])
    flat = plan(dense(weight))
    plain = layer_response(flat, flat.layers[0], program(flat).layers[0].f_res, linear)
    before = np.concatenate([r.values for r in plain], axis=1) / unit
    errors = [np.abs(x - weight).max(1) / own for x in (before, held)]
    assert errors[1].max() < 3 * errors[1].min()  # all neurons alike
    assert errors[0][3] > 100 * errors[1][3]  # and the smallest lost that much without
    quantised = quantise_layer(planned, entry, programmed, linear, QuantisationOptions(bits=6))
    assert (
        quantised.rms
        < 0.6 * quantise_layer(flat, flat.layers[0], program(flat).layers[0], linear, QuantisationOptions(bits=6)).rms
    )


@pytest.fixture(scope="module")
def raised_pair(tmp_path_factory):
    """The same network with one scale a layer, and with the chains of its first layer raised."""
    model = tiny_model(tmp_path_factory.mktemp("model"))
    plain = design_of(model, "layer")
    weight = plain.cnn.synapses[0].weight * np.array([1, 1 / 8])[:, None, None, None]
    own = np.abs(weight).max((1, 2, 3))
    gains = {"conv1": (own.max() / own)[None]}
    first = replace(plain.cnn.synapses[0], weight=weight)
    cnn = replace(plain.cnn, layers=tuple(first if layer.name == "conv1" else layer for layer in plain.cnn.layers))
    parameters = plain.parameters
    made = []
    for raised in ({}, gains):
        net = scaled_network(cnn, {}, raised)
        planned = plan(net, parameters.device, parameters.bus, parameters.plan)
        made.append(parallel_hardware(replace(plain, cnn=net, plan=planned)))
    return made


def gains_in_deck(levels) -> np.ndarray:
    """Different gains of the transconductors of the first stage, the largest first; those behind the logits are 1."""
    tones = pixel_tones(levels.parallel, IMAGES[:1])[0]
    text = cascade_deck(levels, tones, Timing(1e-12, 1e-9), "deck").text
    found = {float(gm) for gm in re.findall(r"^x\S+ .*\btransconductor\b.*?\bgm=(\S+)", text, re.MULTILINE)}
    return np.array(sorted(found - {1.0}, reverse=True))


def test_the_transconductor_has_so_much_less_gain(raised_pair):
    plain, raised = (hardware.levels for hardware in raised_pair)
    stage = raised.parallel.stages[0]
    largest = np.abs(stage.layer.matrix).max(2).ravel()
    own = np.sort(largest.max() / largest)
    assert own[-1] > 4
    assert sorted(set(stage.copies.raised.ravel().tolist())) == own.tolist()
    assert np.unique(raised.stages[0].unit) == pytest.approx(raised.stages[0].unit.min() * own, rel=1e-12)
    scale = raised.stages[0].unit.min() / plain.stages[0].unit.min()
    (before,) = gains_in_deck(plain)
    assert gains_in_deck(raised) == pytest.approx(before / (scale * own), rel=1e-9)


def test_the_cascade_is_the_same_and_its_noise_is_less(raised_pair):
    plain, raised = raised_pair
    wanted = propagate(plain.cnn, IMAGES)
    for hardware in raised_pair:
        found = cascade(hardware.levels, hardware.held, IMAGES).logits
        assert found == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())
    many = np.repeat(IMAGES[:1], 4000, axis=0)
    noise = []
    for hardware in raised_pair:
        quiet = replace(hardware.holder.parameters.noise, sources="johnson, readout")
        holder = replace(hardware.holder, parameters=replace(hardware.holder.parameters, noise=quiet))
        drawn = replace(hardware, holder=holder).noisy()
        stage = hardware.levels.parallel.stages[0]
        run = cascade(hardware.levels, drawn, many)
        (constant,) = (np.sqrt(sum(drawn[name].noise.constant.values())) for name in list(drawn)[:1])
        rms = constant / hardware.levels.stages[0].unit[stage.first]
        noise.append(run.stages[0].sums.std(0))
        assert noise[-1] == pytest.approx(rms, rel=0.05)
    own = raised.levels.parallel.stages[0].copies.raised.ravel()[raised.levels.parallel.stages[0].first]
    assert noise[0] / noise[1] == pytest.approx(own, rel=0.1)
    settled = envelope(raised.levels, IMAGES[0], 600e-9).logits[-1]
    two_pass = cascade(raised.levels, raised.held, IMAGES[:1]).logits[0]
    assert settled == pytest.approx(two_pass, abs=1e-7 * np.abs(two_pass).max())


@pytest.mark.slow
def test_raised_chains_in_ngspice_are_the_cascades(raised_pair):
    levels, held = raised_pair[1].levels, raised_pair[1].held
    found = run_cascade(levels, IMAGES[0], cascade_timing(levels, 240e-9), 60e-9)
    wanted = cascade(levels, held, IMAGES[:1])
    assert found.logits == pytest.approx(wanted.logits[0], abs=2e-3 * np.abs(wanted.logits).max())
    own = wanted.stages[0].sums[0]
    assert found.settled[0] == pytest.approx(own, abs=2e-3 * np.abs(own).max())


@pytest.mark.parametrize("pool", ["average", "max"])
def test_pools_of_raised_chains(tmp_path, pool):
    model = tiny_model(tmp_path, pool)
    design = design_of(model, "neuron")
    assert design.cnn.synapses[0].raised is not None
    hardware = parallel_hardware(design)
    wanted = propagate(design.cnn, IMAGES)
    off = np.abs(cascade(hardware.levels, hardware.held, IMAGES).logits - wanted).max() / np.abs(wanted).max()
    plain = parallel_hardware(design_of(model, "layer"))
    before = np.abs(cascade(plain.levels, plain.held, IMAGES).logits - wanted).max() / np.abs(wanted).max()
    assert off < 2e-4 if pool == "average" else off <= before * (1 + 1e-9)  # diodes of a maximum count no more


def test_the_commands_say_it(resonet, tmp_path):
    model = spread_model(tmp_path)
    folder, data = tmp_path / "build", tmp_path / "images.npz"
    labels = propagate(compile_cnn(model).trained, IMAGES).argmax(1)
    np.savez(data, images=IMAGES, labels=labels)
    told = resonet(
        "compile",
        model,
        "-o",
        folder,
        "--set",
        "plan.scale=neuron",
        *(part for setting in SETTINGS for part in ("--set", setting)),
    )
    assert told.code == 0
    assert "4 neurons have scales of their own" in told.out or "3 neurons have scales of their own" in told.out
    assert re.search(r"errors of the weights count \d[\d.]* times less", told.out)
    assert "gain of their transconductors down to" in told.out
    found = json.loads(resonet("calibrate", folder, "--json").out)
    assert all(row["status"] == "converged" and row["worst_after"] < 1e-6 for row in found["layers"])
    assert all(0 <= row["worst_neuron"] < 4 for row in found["layers"])
    rows = json.loads(resonet("crosstalk", folder, "--engine", "linear", "--json").out)["layers"]
    for row in rows:
        assert row["neuron_error_calibrated"] < 1e-6 < row["neuron_error_coupled"]
        assert isinstance(row["worst_neuron"], int)
    shown = json.loads(resonet("accuracy", folder, "--data", data, "--program", "calibrated", "--json").out)["accuracy"]
    assert 0 < shown["logit_rms_calibrated"] <= shown["logit_max_calibrated"] < 1e-6
