"""The cascade: static law against the network, envelopes against the two passes, ngspice against both."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import IN_TIME, RNG
from networks import SETTINGS, tiny_model

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.calibration.newton import CalibrationOptions, calibrate
from resonet.cosim.cascade.energy_budget import energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.settle import settling, settling_time
from resonet.cosim.cascade.transient import cascade_timing, run_cascade, trace_difference
from resonet.cosim.cascade.two_pass import cascade, stage_weights, trained_stages
from resonet.cosim.noise.layer_noise import Place
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.models.circuit.noise import chain_noise, chain_resistance
from resonet.models.resonator.complete import FullResonator
from resonet.netlist.cascade.deck import Timing, cascade_deck
from resonet.netlist.cascade.level_planning import plan_levels
from resonet.netlist.cascade.paths import parallel_design
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet

IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))


def hardware(path, kind=None, images=IMAGES, settings=()):
    """Calibrated parallel hardware of a model: levels, weights, trained network."""
    design = compile_cnn(path, read_parameters(None, [*SETTINGS, *settings]), ImageSet(path, images, np.zeros(0)))
    made = parallel_hardware(design, kind=kind)
    return made.levels, made.held, made.cnn


def program_of(levels):
    return levels.parallel.design.program(levels.method)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return hardware(tiny_model(tmp_path_factory.mktemp("tiny")))


def test_the_static_cascade_of_ideal_neurons_is_the_network(tiny, small_model, small_images) -> None:
    for (levels, held, cnn), images in (
        (tiny, IMAGES),
        (hardware(small_model, images=small_images, settings=["neuron.p1db=1 W"]), small_images),
    ):
        wanted = propagate(cnn, images)
        found = cascade(levels, held, images, batch=5).logits
        assert found == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())


def test_average_is_wiring_and_a_maximum_errs_by_its_diodes(tmp_path) -> None:
    levels, held, cnn = hardware(tiny_model(tmp_path, "average"))
    wanted = propagate(cnn, IMAGES)
    assert cascade(levels, held, IMAGES).logits == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())
    levels, held, cnn = hardware(tiny_model(tmp_path, "max"))
    run, diodes = cascade(levels, held, IMAGES), levels.stages[0].options.maximum()
    error = run.stages[0].sums - trained_stages(levels.parallel.network, IMAGES)[0].sums
    worst = diodes.width * np.log(2) / levels.stages[0].unit.min()
    assert error.min() > -1e-6 * np.abs(run.stages[0].sums).max()
    assert 0.3 * worst < error.max() <= worst * (1 + 1e-9)


@pytest.mark.parametrize("kind", ["three_terminal", "two_terminal"])
def test_a_network_trained_with_oscillators_is_what_the_hardware_does(tmp_path, kind) -> None:
    law = OscillatorActivation(kind, drive=1.3, scale=0.8, qnl=1.5, clamp=3.0, seed=1e-3)
    levels, held, cnn = hardware(tiny_model(tmp_path, activation=law), settings=["neuron.seed=1e-3"])
    assert levels.stages[0].links[0].kind == kind
    wanted = propagate(cnn, IMAGES)
    assert cascade(levels, held, IMAGES).logits == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())
    with pytest.raises(InputError, match="trained with"):
        plan_levels(levels.parallel, program_of(levels), kind="relu")


@pytest.mark.parametrize(
    ("trained", "warned"), [(0.0105, 0), (0.0114, 0), (0.0117, 1), (0.0094, 1), (1e-4, 1), (0.0, 1)]
)
def test_training_with_another_thermal_power_warns(tmp_path, trained, warned) -> None:
    law = OscillatorActivation("three_terminal", drive=1.3, scale=0.8, clamp=3.0, seed=trained)
    with collected() as found:
        levels, _, _ = hardware(tiny_model(tmp_path, activation=law))
    told = [one for one in found if one.code == "thermal-seed"]
    assert len(told) == warned
    assert all(one.text.startswith("layer conv1: trained with") for one in told)
    assert levels.stages[0].links[0].options.seed == pytest.approx(0.0105, rel=2e-3)  # whatever training assumed


def test_thermal_power_of_the_oscillators_follows_device_and_temperature(tmp_path) -> None:
    path = tiny_model(tmp_path)

    def seed(*settings, kind="three_terminal"):
        levels, _, _ = hardware(path, kind, settings=settings)
        return levels.stages[0].links[0].options.seed

    room = seed()
    assert seed("noise.temperature=77", "noise.polarisation=0.3") == pytest.approx(room * 77 / 300 * 2)
    assert seed("neuron.damping=0.02", "neuron.threshold_current=40 uA") == pytest.approx(room / 2)
    assert seed("neuron.seed=2e-4", "noise.temperature=77") == 2e-4
    small = "neuron.threshold_current=1 uA"
    with pytest.raises(InputError, match=r"thermal power p_T = 0.1 of the oscillators at 300 K.*neuron.seed"):
        seed(small)
    assert seed(small, kind="relu") == 0  # ideal neurons have none
    with pytest.raises(InputError, match=r"neuron.seed = 1e-10: possible: 0"):
        seed("neuron.seed=1e-10")


def test_levels_are_those_of_the_program_that_the_chains_have(tmp_path) -> None:
    """Calibration may put the weights at another scale than the coupled program."""
    parameters = read_parameters(None, SETTINGS)
    parallel = parallel_design(compile_cnn(tiny_model(tmp_path), parameters, ImageSet(tmp_path, IMAGES, np.zeros(0))))
    design = calibrate(parallel.design, options=CalibrationOptions(fill=0.4)).design
    layers = [entry.layer.name for entry in design.plan.layers]
    half = [
        design.program("calibrated").layer(n).weight_scale / design.program("coupled").layer(n).weight_scale
        for n in layers
    ]
    assert half == pytest.approx([0.5, 0.5])
    levels = plan_levels(replace(parallel, design=design), design.program("calibrated"))
    held = {name: effective_weights(design, name, "calibrated", engine=linear) for name in layers}
    wanted = cascade(levels, held, IMAGES[:1]).logits[0]
    assert wanted == pytest.approx(
        propagate(levels.parallel.network.cnn, IMAGES[:1])[0], abs=1e-3 * np.abs(wanted).max()
    )
    assert envelope(levels, IMAGES[0], 600e-9).logits[-1] == pytest.approx(wanted, abs=1e-7 * np.abs(wanted).max())


def test_an_oscillator_in_place_of_a_relu_is_fitted(tiny) -> None:
    levels, held, cnn = tiny
    wanted = propagate(cnn, IMAGES)
    targets = [stage.outputs for stage in trained_stages(levels.parallel.network, IMAGES)]
    found = {}
    for kind in ("relu", "three_terminal", "two_terminal"):
        run = cascade(plan_levels(levels.parallel, program_of(levels), kind=kind, targets=targets), held, IMAGES)
        found[kind] = np.abs(run.logits - wanted).max() / np.abs(wanted).max()
    assert found["relu"] < 1e-3 < found["three_terminal"] < found["two_terminal"] < 0.5


def test_an_amplifier_that_cannot_reach_its_level_is_named(tiny) -> None:
    levels, _, _ = tiny
    options = replace(levels.stages[0].options, p1db=1e-9)
    with pytest.raises(InputError, match=r"layer conv1: amplifier: .* p1db"):
        plan_levels(levels.parallel, program_of(levels), options)


def test_noise_is_that_of_the_chain_and_its_bandwidth(tiny) -> None:
    levels, held, _ = tiny
    place = {"conv1": Place(None, 1e-9, last=False), "dense1": Place("relu", 1e-9, last=True)}
    names = replace(levels.parallel.design.parameters.noise, sources="johnson, readout")
    design = replace(levels.parallel.design, parameters=replace(levels.parallel.design.parameters, noise=names))
    drawn = noisy_weights(design, held, 1, places=place)
    rms = np.sqrt(sum(drawn["conv1"].noise.constant.values()))
    plan, f = levels.plan, np.geomspace(1e3, 1e10, 20001)
    density = chain_noise(f, chain_resistance([FullResonator()] * 4), plan.circuit).resonators
    poles = 1 / (1 + (f / 20e6) ** 2) ** 3
    wanted = np.trapezoid((density + 1e-18) * poles, f)
    assert rms == pytest.approx(np.sqrt(wanted), rel=2e-3)  # models/circuit/noise.py has the nodes' capacitance too
    many = np.repeat(IMAGES[:1], 4000, axis=0)
    run = cascade(levels, drawn, many)
    assert run.stages[0].sums.std(0) * levels.stages[0].unit[levels.parallel.stages[0].first] == pytest.approx(
        rms, rel=0.05
    )


def test_weights_of_sequential_hardware_stand_for_every_position(tiny) -> None:
    levels, held, cnn = tiny
    stage = levels.parallel.stages[0]
    one_copy = replace(held["conv1"], values=cnn.synapses[0].matrix, trained=cnn.synapses[0].matrix)
    assert stage_weights(stage, one_copy) == pytest.approx(stage_weights(stage, held["conv1"]), abs=1e-6)


@pytest.mark.parametrize("reach", [99, 1])
def test_envelopes_settle_to_the_two_passes(tiny, reach) -> None:
    levels, held, _ = tiny
    run = envelope(levels, IMAGES[0], 600e-9, reach=reach)
    wanted = cascade(levels, held, IMAGES[:1])
    assert run.logits[-1] == pytest.approx(wanted.logits[0], abs=1e-7 * np.abs(wanted.logits).max())
    assert run.stages[0].outputs[-1] == pytest.approx(wanted.stages[0].outputs[0], abs=1e-8)


@pytest.mark.slow
def test_far_channels_at_rest_and_coarser_steps_change_little_on_the_way(tiny) -> None:
    levels, _, _ = tiny
    fine = envelope(levels, IMAGES[1], 200e-9, 0.0625e-9, 99)
    coarse = envelope(levels, IMAGES[1], 200e-9, 0.5e-9, 2)
    scale = np.abs(fine.logits[-1]).max()
    assert np.abs(coarse.logits - fine.logits[::8]).max() < 0.01 * scale


def test_settling_is_found_where_it_was_put() -> None:
    time = np.linspace(0, 10, 1001)
    traces = np.stack([1 - np.exp(-time), 0.5 * np.ones(1001), 2 - 2 * np.exp(-time / 2)], axis=1)
    end = traces[-1]
    found = settling_time(time, traces, 0.01)
    assert found[1] == 0
    for n, (height, tau) in enumerate([(1, 1.0), (0, 1.0), (2, 2.0)]):
        if height > 0:
            assert found[n] == pytest.approx(-tau * np.log((0.01 * end.max() + height - end[n]) / height), abs=0.011)


def test_energy_adds_up(tiny) -> None:
    levels, _, _ = tiny
    run = envelope(levels, IMAGES[0], 300e-9)
    total = energy(levels, run, IMAGES[0])
    first, last = total.stages
    assert (first.synapses, first.neurons, last.neurons) == (6 * 2 * 4, 12, 0)
    p_max, entry = levels.plan.options.p_max, levels.parallel.entry(0)
    # A tone of power P in its own resonator has nearly P in each of the chain's: four taps, two chains a bus.
    seen = sum(IMAGES[0].ravel()[levels.parallel.stages[0].wires[bus.group]].sum() for bus in entry.buses)
    full = levels.parallel.scale(0)[1]
    assert first.resonators == pytest.approx(seen / full * p_max * 4 * 2 * 300e-9, rel=0.02)
    assert first.resonators < first.sources
    assert last.resonators < last.sources
    current = 10e-6 * (1 + levels.stages[0].links[0].drive * run.stages[0].sums)
    assert first.oscillators == pytest.approx(np.trapezoid(1e3 * current**2, run.time, axis=0).sum(), rel=1e-6)
    half = energy(levels, run, IMAGES[0], 150e-9)
    assert half.stages[0].amplifiers == pytest.approx(first.amplifiers / 2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("engine", IN_TIME)
@pytest.mark.parametrize("pool", ["none", "average", "max"])
def test_a_whole_network_in_time_is_the_cascade(tmp_path, pool, engine) -> None:
    levels, held, _ = hardware(tiny_model(tmp_path, pool))
    stop = 240e-9
    found = run_cascade(levels, IMAGES[0], cascade_timing(levels, stop), 60e-9, engine=engine)
    wanted = cascade(levels, held, IMAGES[:1])
    scale = np.abs(wanted.logits).max()
    assert found.logits == pytest.approx(wanted.logits[0], abs=2e-3 * scale)
    run = envelope(levels, IMAGES[0], stop)
    assert trace_difference(levels, found, run).max() < 0.1  # on the way, beat notes included
    assert settling(levels, run)[-1].sums < stop - 60e-9


@pytest.mark.slow
@pytest.mark.parametrize("engine", IN_TIME)
def test_oscillators_in_time_are_the_cascades(tmp_path, engine) -> None:
    law = OscillatorActivation("three_terminal", drive=1.3, scale=0.8, qnl=1.5, clamp=3.0, seed=1e-3)
    levels, held, _ = hardware(tiny_model(tmp_path, activation=law), settings=["neuron.seed=1e-3"])
    found = run_cascade(levels, IMAGES[0], cascade_timing(levels, 280e-9), 60e-9, engine=engine)
    wanted = cascade(levels, held, IMAGES[:1]).logits
    assert found.logits == pytest.approx(wanted[0], abs=2e-3 * np.abs(wanted).max())


def test_impossible_times_and_tones_are_refused(tiny) -> None:
    levels, _, _ = tiny
    with pytest.raises(InputError, match="points per period"):
        cascade_timing(levels, 1e-7, 4)
    with pytest.raises(InputError, match="time steps"):
        cascade_timing(levels, 1.0)
    with pytest.raises(InputError, match="1,000,000 steps"):
        envelope(levels, IMAGES[0], 1.0, 1e-9)
    with pytest.raises(InputError, match=r"tones of shape"):
        cascade_deck(levels, np.ones(3), Timing(1e-12, 1e-9), "x")
    with pytest.raises(InputError, match="no images"):
        cascade(levels, {}, IMAGES[:0])
