"""A chip in the engine: its decks in ngspice, the nominal engine, calibration, neurons, first-order propagation."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import bare_run
from networks import SETTINGS, tiny_model

from resonet.cosim.calibration.newton import Status, calibrate_layer
from resonet.cosim.chips import chip_engine, chip_weights
from resonet.cosim.feed.feeds import layer_weights
from resonet.cosim.strip.laid_out import solved_layer
from resonet.cosim.strip.layer import layer_answers
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.inference import circuit_logits, forward
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.chips import SpreadOptions
from resonet.netlist.design.chips import ChipSampler, corner_chip, sampled_chip
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import activate
from resonet.netlist.programming.methods import Program

RF = {
    "f_res": 1e-3,
    "damping": 0.05,
    "resistance": 0.05,
    "magnetoresistance": 0.05,
    "threshold_current": 0.05,
    "node_capacitance": 0.1,
    "tone_frequency": 1e-4,
    "tone_level": 0.02,
}
CIRCUITS = {
    "plain": ["bus.node_capacitance=2 fF", "bus.readout_resistance=1 MOhm"],
    "groups": ["bus.groups=2", "bus.junction_capacitance=1 fF"],
    "multiplexer": ["bus.combining=multiplexer", "bus.transformer=3", "bus.capacitance=10 fF"],
}


def compiled(model, *settings):
    return compile_cnn(model, read_parameters(settings=["plan.tile=10", "plan.fanout=2", *settings]))


@pytest.mark.slow
@pytest.mark.parametrize("circuit", CIRCUITS)
def test_the_decks_of_a_chip_say_the_same_in_ngspice(small_model, circuit):
    design = compiled(small_model, *CIRCUITS[circuit])
    chip = sampled_chip(design, SpreadOptions(**RF, gradient=0.3, chip=0.2), 3, 7)
    ours, theirs = (chip_weights(design, "coupled", chip, engine) for engine in ("linear", "ngspice"))
    for name, held in ours.items():
        assert np.abs(theirs[name].values - held.values).max() < 1e-9 * np.abs(held.values).max()
        assert held.rms_error > 0.05


def test_the_nominal_chip_is_the_design(small_design):
    held = chip_weights(small_design, "coupled", corner_chip(small_design, "tt"))
    for name, one in held.items():
        known = effective_weights(small_design, name, "coupled", engine=linear)
        assert one.values == pytest.approx(known.values, rel=1e-12, abs=1e-12)
        assert one.worst.level == pytest.approx(known.worst.level)
        assert one.crosstalk["t0"] == pytest.approx(known.crosstalk["t0"], rel=1e-12)


def test_phasors_say_what_the_compiled_answers_do(small_design):
    chip = sampled_chip(small_design, SpreadOptions(**RF), 1, 1)
    engine = chip_engine(chip)
    for entry in small_design.plan.layers:
        unit, f_res = (
            np.ones(entry.layer.matrix.shape[:2]),
            small_design.program("coupled").layer(entry.layer.name).f_res,
        )
        quick = engine.layer_answers(small_design.plan, entry, f_res, unit)
        slow = Engine("phasors", engine.passes).layer_answers(small_design.plan, entry, f_res, unit)
        assert quick.values == pytest.approx(slow.values, rel=1e-9, abs=1e-12 * np.abs(slow.values).max())


def test_a_corner_of_parameters_is_the_design_planned_before_it(small_model, tmp_path):
    """Of a device parameter that no plan depends on: the same network compiled with it, by its own nominal engine."""
    path = tmp_path / "c.toml"
    path.write_text("[plan]\ntile = 10\nfanout = 2\n[corner.hot]\ndevice.threshold_current = 12e-6")
    design = compile_cnn(small_model, read_parameters(path))
    held = chip_weights(design, "coupled", corner_chip(design, "hot"))
    for name, one in held.items():
        known = effective_weights(design, name, "coupled", engine=linear)
        assert one.values == pytest.approx(known.values / 1.2, rel=1e-12)


def test_a_chip_calibrates_at_once(small_design):
    spread = SpreadOptions(**{**RF, "f_res": 0.01}, gain=0.0)
    chip = sampled_chip(small_design, spread, 1, 4)
    engine, real, tuned = chip_engine(chip), chip.fabricated(small_design.program("coupled")), []
    for entry in small_design.plan.layers:
        found = calibrate_layer(small_design.plan, entry, real.layer(entry.layer.name), engine)
        assert found.status is Status.CONVERGED
        assert found.passes <= 2
        tuned.append(found.program)
    design, program = small_design, Program("calibrated", tuple(tuned))
    for held in chip_weights(design, program, chip, engine, tuned=True).values():
        assert held.rms_error < 1e-6


def test_gains_and_offsets_of_neurons(small_design):
    """By hand: z' = (1 + e)/(1 + d) (g (z + o) + b - d T), and the images through it."""
    spread = SpreadOptions(gain=0.1, offset=2e-7, oscillator_threshold=0.1, oscillator_power=0.1)
    chip = sampled_chip(small_design, spread, 1, 2)
    plain, held = (chip_weights(small_design, "coupled", c) for c in (corner_chip(small_design, "tt"), chip))
    x = np.random.default_rng(1).random((600, *small_design.cnn.input_shape))
    last = small_design.plan.layers[-1]
    options, scale = small_design.parameters.neuron, small_design.scales

    def by_hand(layer, batch):
        own, s = chip.layers[layer.name].neurons, scale[layer.name]
        z = plain[layer.name].sums(layer, batch, s)
        volts = small_design.program("coupled").layer(layer.name).weight_scale * small_design.plan.options.p_max
        z = own["gain"][:, None, :, None] * (z + (own["offset"] / volts * s.full_scale)[:, None, :, None])
        if layer.name == last.layer.name:
            return activate(layer, z)
        span = scale[last.layer.name].full_scale / (options.headroom * (options.clamp - 1))
        threshold, power = (own[f"oscillator_{n}"].ravel()[:, None, None] for n in ("threshold", "power"))
        z = z.transpose(1, 0, 2, 3).reshape(len(batch), *layer.out_shape) + layer.bias[:, None, None]
        return np.maximum(power / threshold * (z - (threshold - 1) * span), 0)

    from resonet.netlist.network.forward import propagate

    wanted = propagate(small_design.built, x, by_hand)
    assert forward(small_design, held, x) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert circuit_logits(small_design, held, x).values == pytest.approx(wanted, rel=1e-3, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resistance", "damping", "magnetoresistance", "tone_level", "f_res"])
def test_weights_vary_as_first_order_propagation_says(small_design, name):
    """Variance of every weight, over chips, is the sum of (dW/dx)² σ² over all devices, by differences."""
    sigma = 1e-3 if name != "f_res" else 1e-6
    sampler = ChipSampler(small_design, SpreadOptions(**{name: sigma}))
    values = np.array([chip_weights(small_design, "coupled", sampler.chip(n))["dense1"].values for n in range(400)])
    nominal, wanted = corner_chip(small_design, "tt"), 0.0
    for part, at in devices(sampler, name):
        step = one_moved(nominal, name, part, at, sigma, sampler)
        moved = chip_weights(small_design, "coupled", step)["dense1"].values
        back = chip_weights(small_design, "coupled", one_moved(nominal, name, part, at, -sigma, sampler))[
            "dense1"
        ].values
        wanted = wanted + ((moved - back) / 2) ** 2
    assert values.var(0).sum() == pytest.approx(wanted.sum(), rel=0.05)


def devices(sampler, name):
    """Places of all values of a quantity in the last layer."""
    own = sampler.chip(0).layers["dense1"]
    arrays = own.resonators[name] if name in own.resonators else (own.tones[name],)
    return [(n, at) for n, array in enumerate(arrays) for at in np.ndindex(array.shape)]


def one_moved(nominal, name, part, at, step, sampler):
    own = sampler.chip(0).layers["dense1"]
    tones = name in own.tones
    arrays = [np.ones_like(a) for a in (own.resonators[name] if not tones else (own.tones[name],))]
    arrays[part][at] += step
    layer = replace(own, resonators={} if tones else {name: tuple(arrays)}, tones={name: arrays[0]} if tones else {})
    return replace(nominal, layers={"dense1": layer})


@pytest.mark.slow
def test_decks_of_a_sample_run_bare_and_are_the_engine(small_model, resonet, tmp_path):
    build = tmp_path / "build"
    settings = [x for s in ("plan.tile=10", "spread.resistance=0.05", "spread.f_res=1e-3") for x in ("--set", s)]
    assert (
        resonet("compile", small_model, "-o", build, *settings, *(x for s in SETTINGS[:2] for x in ("--set", s))).code
        == 0
    )
    assert resonet("decks", build, "--layer", "conv1", "--sample", "7", "--chip-seed", "3").code == 0
    folder = build / "decks" / "coupled_tt_seed3_sample7"
    for name in ("conv1_t0_rf", "conv1_dc0", "conv1_t0_n0_sp"):
        bare_run(folder / f"{name}.cir", tmp_path)
    text = (folder / "conv1_t0_rf.cir").read_text()
    assert "corner tt, seed 3, sample 7" in text
    assert ".param resistance=1000\n" in text
    assert resonet("decks", build, "--corner", "ss").code == 0
    assert "resistance=1150" in (build / "decks" / "coupled_ss" / "conv1_t0_rf.cir").read_text()
    told = resonet("decks", build, "--chip-seed", "3")
    assert told.code == 2
    assert "--sample" in told.err


@pytest.fixture(scope="module")
def lined(tmp_path_factory):
    """A network whose convolution is under strip lines."""
    settings = ["feed.kind=stripline", "plan.f_min=2 GHz", "plan.f_max=5 GHz"]
    return compile_cnn(tiny_model(tmp_path_factory.mktemp("lined")), read_parameters(settings=settings))


@pytest.mark.slow
def test_strip_lines_of_the_nominal_chip(lined):
    known, held = layer_weights(lined, "coupled", linear), chip_weights(lined, "coupled", corner_chip(lined, "tt"))
    for name, one in held.items():
        assert one.values == pytest.approx(known[name].values, rel=1e-12, abs=1e-12)


@pytest.mark.slow
def test_a_chip_whose_devices_are_all_alike_is_that_device_under_strip_lines(lined):
    spread = SpreadOptions(damping=0.1, magnetoresistance=0.1, own="damping normal 0 1, magnetoresistance normal 0 1")
    chip = sampled_chip(lined, spread, 1, 1)
    held, common = chip_weights(lined, "coupled", chip)["conv1"], chip.common
    device = lined.plan.device
    other = replace(
        device,
        damping=device.damping * common["damping"],
        magnetoresistance=device.magnetoresistance * common["magnetoresistance"],
    )
    strip = replace(solved_layer(lined, "conv1"), device=other)
    assert held.values == pytest.approx(layer_answers(strip, held.f_res) / held.scale * held.gain, rel=1e-12)
    assert held.rms_error > 0.02


@pytest.mark.slow
def test_every_resonance_and_line_under_strip_lines_is_off_by_its_own(lined):
    """What only a chip has: by hand, ½ k |i|² Re chi at its own resonances; another width of the lines."""
    chip = sampled_chip(lined, SpreadOptions(f_res=1e-3), 1, 1)
    held, strip = chip_weights(lined, "coupled", chip)["conv1"], solved_layer(lined, "conv1")
    window, own = strip.windows[0], chip.layers["conv1"].resonators["f_res"][0]
    built = strip.frequencies[window.circuit.tone]
    real = (built + (held.f_res[window.circuit.resonators] - built) * window.share) * own[window.circuit.resonators]
    chi = susceptibility(strip.frequencies[window.tones][:, None], real[None], strip.device.damping)
    volts = 0.5 * strip.device.transduction * np.abs(window.current) ** 2 * chi.real
    wanted = window.gains @ volts.T / held.scale * held.gain
    found = held.values[np.ix_(window.chains, window.lines)]
    assert np.abs(found - wanted).max() < 1e-9 * np.abs(wanted).max()
    wide = chip_weights(lined, "coupled", sampled_chip(lined, SpreadOptions(line_width=0.1), 1, 1))["conv1"]
    assert 1e-4 < wide.rms_error - layer_weights(lined, "coupled", linear)["conv1"].rms_error < 0.2
