"""Full tones that are not alike: the same sums and Johnson noise, less precession noise, in every engine."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import RNG, save_model
from networks import SETTINGS, tiny_model
from onnx import helper

from resonet.core.errors import InputError
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.calibration.quantised import QuantisationOptions, quantise_layer
from resonet.cosim.calibration.shared import calibrate_shared
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.chips.weights import chip_weights
from resonet.cosim.noise.budget import noise_budget
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.axes import chosen_axes, with_values
from resonet.cosim.operate.power import drawn
from resonet.cosim.referee.chain import transient
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.bus_attribution import attribute_bus
from resonet.cosim.weights.effective import effective_weights, network_weights
from resonet.cosim.weights.engines import formula, linear, ngspice
from resonet.cosim.weights.inference import forward
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.precession_noise import precession_density
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.bus.deck import rf_deck
from resonet.netlist.cascade.paths import all_paths, parallel_design
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import sampled_chip
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet

IMAGES = RNG(6).uniform(0, 1, (12, 1, 8, 8))
LEVELS = ("equal", "precession", "power")


@pytest.fixture(scope="module")
def designs(small_model) -> dict[str, Design]:
    """The small network, resonators far from their tones, calibrated."""
    found = {}
    for levels in LEVELS:
        given = read_parameters(None, [f"plan.levels={levels}", "plan.tile=9", "plan.reach=20"])
        design = compile_cnn(small_model, given, ImageSet("images", IMAGES, np.zeros(0, np.int64)))
        found[levels] = calibrate(design).design
    return found


def test_the_circuit_holds_the_trained_weights(designs):
    for levels, design in designs.items():
        held = network_weights(design, "calibrated", linear)
        for own in held.values():
            assert np.abs(own.values - own.trained).max() < 1e-6 * np.abs(own.trained).max(), levels
        outputs, software = forward(design, held, IMAGES), propagate(design.cnn, IMAGES)
        assert outputs == pytest.approx(software, abs=1e-5 * np.abs(software).max())
    assert designs["power"].plan.layer("dense1").carries[0] < 0.5


def test_without_levels_nothing_is_different(designs, small_model):
    plain = compile_cnn(
        small_model,
        read_parameters(None, ["plan.tile=9", "plan.reach=20"]),
        ImageSet("images", IMAGES, np.zeros(0, np.int64)),
    )
    pairs = zip(*(one.hardware("dense1", "coupled") for one in (plain, designs["equal"])), strict=True)
    for one, other in pairs:
        assert rf_deck(one).text == rf_deck(other).text


@pytest.mark.parametrize("levels", ["precession", "power"])
def test_decks_have_the_levels_and_ngspice_agrees(designs, levels):
    design = designs[levels]
    found = effective_weights(design, "conv1", "calibrated", engine=ngspice)
    known = effective_weights(design, "conv1", "calibrated", engine=linear)
    assert np.abs(found.values - known.values).max() < 1e-9 * np.abs(known.values).max()
    assert found.witness is not None
    assert found.witness.difference < 1e-9
    equal, own = (designs[name].hardware("conv1", "calibrated")[0] for name in ("equal", levels))
    emf = [
        [float(line.split("emf=")[1].split()[0]) for line in rf_deck(one).text.splitlines() if "emf=" in line]
        for one in (equal, own)
    ]
    assert np.array(emf[1]) / emf[0] == pytest.approx(np.sqrt(own.bus.carries), rel=1e-7)
    assert own.bus.carries.min() < 0.99


def test_an_ideal_bus_has_them_too(designs):
    design = designs["precession"]
    entry, program = design.plan.layer("dense1"), design.program("coupled").layer("dense1")
    assert program.residual < 1e-9
    unit = np.full(entry.layer.matrix.shape[:2], program.weight_scale)
    answers = formula.layer_answers(design.plan, entry, program.f_res, unit).values
    assert answers == pytest.approx(entry.layer.matrix, abs=1e-8 * np.abs(entry.layer.matrix).max())
    by_phasors = replace(formula, powers=None).layer_answers(design.plan, entry, program.f_res, unit).values
    assert by_phasors == pytest.approx(answers, abs=1e-12 * np.abs(answers).max())
    alone = designs["power"].program("formula").layer("dense1")
    assert alone.residual < 0.5  # each by its own tone's power, tails beside
    split = attribute_bus(design.plan, entry, program)
    assert np.abs(split.spectral).max() < 1e-8


def test_johnson_noise_stays_and_precession_noise_is_that_of_the_closed_form(designs):
    noise = {n: layer_noise(d, network_weights(d, "calibrated", linear)["dense1"]) for n, d in designs.items()}
    assert noise["precession"].unit == pytest.approx(noise["equal"].unit, rel=1e-9)
    assert noise["precession"].constant == pytest.approx(noise["equal"].constant, rel=1e-12)
    ratio = noise["precession"].precession.sum() / noise["equal"].precession.sum()
    wanted = []
    for name in ("equal", "precession"):
        design, total = designs[name], 0.0
        program, device = design.program("calibrated").layer("dense1"), design.plan.device
        for bus, f_res in zip(design.plan.layer("dense1").buses, program.f_res, strict=True):
            u = (bus.frequencies / f_res - 1) / device.damping
            total += (bus.carries / (1 + u**2) / f_res).sum()  # S ~ λ P / (Γ0 (1 + u²)), own tones
        wanted.append(total)
    assert ratio == pytest.approx(wanted[1] / wanted[0], rel=0.05)
    assert ratio < 0.8
    assert noise["power"].precession.sum() < 0.8 * noise["equal"].precession.sum()


def test_drawn_noise_has_the_variance_of_the_budget(designs):
    for name in ("equal", "precession"):
        design = designs[name]
        only = replace(design.parameters.noise, sources="precession")
        loud = replace(design, parameters=replace(design.parameters, noise=only))
        held = network_weights(loud, "calibrated", linear)
        own = noisy_weights(loud, held, seed=3)["dense1"]
        carried = np.full((1, 4000, 1, own.trained.shape[2]), 0.5)
        quiet = held["dense1"].products(carried[:, :1])
        volts = (own.answers(carried) - quiet) * own.noise.unit[:, None, :, None]
        wanted = own.noise.linear_precession(carried[:, :1])[0, 0, :, 0]
        assert volts[0, :, :, 0].var(0) == pytest.approx(wanted, rel=0.12)
        budget = {one.layer: one for one in noise_budget(loud, held, IMAGES)}
        assert set(budget["dense1"].sources) == {"precession"}


@pytest.mark.slow
def test_a_weaker_tone_with_a_resonator_nearer_by_has_the_density_of_a_langevin_simulation():
    """The same voltage for the same activation: λ P at the detuning that holds w/λ."""
    path = Path(__file__).parents[2] / "benchmarks" / "_langevin.py"
    spec = importlib.util.spec_from_file_location("_langevin", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    device, power, weight = AutoOscillator(qnl=0.0), 20e-9, 0.2
    diode = SpinDiode(damping=device.damping, resistance=device.r0)
    thermal = float(thermal_power(diode.damping, diode.threshold_current))
    found, closed, volts = [], [], []
    for part in (1.0, 0.4):
        x = weight / part
        u = (1 - np.sqrt(1 - x**2)) / x
        f = device.free * (1 + device.damping * u)
        found.append(module.langevin_density(device, f, part * power, thermal, copies=1500, time=40.0))
        closed.append(float(precession_density(diode, f, device.free, part * power, thermal)))
        volts.append(part * power * diode.sensitivity * 2 * u / (1 + u**2))
    assert volts[1] == pytest.approx(volts[0], rel=1e-9)
    assert np.array(found) == pytest.approx(closed, rel=0.1)
    x = weight / np.array([1.0, 0.4])
    wanted = 0.4 * (1 + np.sqrt(1 - x[1] ** 2)) / (1 + np.sqrt(1 - x[0] ** 2))
    assert closed[1] / closed[0] == pytest.approx(wanted, rel=0.02)


def test_saturation_goes_with_the_power_that_a_tone_has(designs):
    design = designs["precession"]
    held = network_weights(design, "calibrated", linear)
    saturating = saturating_weights(design, held)["dense1"]
    for bus, own in zip(saturating.table.buses, design.plan.layer("dense1").buses, strict=True):
        watts = 0.5 * design.plan.device.resistance * np.diagonal(bus.currents)
        assert watts == pytest.approx(own.carries, rel=1e-6)
    carried = RNG(3).uniform(0, 1, (1, 4, 1, 36))
    straight = held["dense1"].products(1e-4 * carried)
    assert saturating.products(1e-4 * carried) == pytest.approx(straight, abs=1e-4 * np.abs(straight).max())
    full = saturating.by("full").products(carried)
    assert saturating.products(carried) == pytest.approx(full, abs=1e-3 * np.abs(full).max())


def test_parallel_hardware_gives_the_sums_and_levels_show_the_tones(designs):
    for name, design in designs.items():
        hardware = prepare(design, "calibrated", None, IMAGES, ("two-pass",))
        logits = cascade(hardware.levels, hardware.held, IMAGES[:2]).logits
        software = propagate(design.cnn, IMAGES[:2])
        assert logits == pytest.approx(software, abs=1e-4 * np.abs(software).max())
        diagram = level_diagram(hardware, IMAGES)
        weakest = {layer.layer: layer.weakest for layer in diagram.layers}
        least = {entry.layer.name: entry.carries[0] for entry in design.plan.layers}
        assert weakest == pytest.approx(least)
        assert all(tone.resonator <= tone.part * design.plan.options.p_max * (1 + 1e-9) for tone in diagram.tones)
        assert (min(weakest.values()) == 1) == (name == "equal")


def two_convolutions(folder):
    """conv 3x3x2 on a 6 x 6 image, ReLU, conv 2x2x3, ReLU, dense 2."""
    rng = RNG(4)
    weights = {"w1": rng.normal(0, 0.4, (2, 1, 3, 3)), "w2": rng.normal(0, 0.3, (3, 2, 2, 2))}
    weights |= {"w3": rng.normal(0, 0.3, (2, 27)), "b3": rng.normal(0, 0.1, 2)}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w3", "b3"], ["y"], transB=1),
    ]
    return save_model(folder / "two.onnx", nodes, weights, (1, 6, 6), "y")


def test_amplifiers_draw_what_the_neediest_branch_of_a_split_tone_takes(tmp_path):
    """Closed form of the energy against the sources of parallel hardware, where a tone feeds a kernel's positions."""
    for levels in ("equal", "power"):
        design = compile_cnn(two_convolutions(tmp_path), read_parameters(None, [*SETTINGS, f"plan.levels={levels}"]))
        entry = next(one for one in design.plan.layers if one.layer.name == "conv2")
        of_all = replace(design, plan=replace(design.plan, layers=(entry,)))
        closed = drawn(of_all, RNG(1).uniform(0, 1, (2, 1, 6, 6))).slope * design.plan.options.p_max
        paths = all_paths(parallel_design(design, programmed=False))[1]
        sources = (paths.source**2 / (8 * paths.impedance)).sum() / design.parameters.neuron.efficiency
        assert closed == pytest.approx(sources, rel=1e-3)  # colours put taps on other channels
    assert entry.carries[0] < 0.5


def test_weaker_tones_draw_less(designs):
    power = {name: drawn(design, IMAGES) for name, design in designs.items()}
    assert power["power"].slope < 0.9 * power["equal"].slope
    assert power["power"].resonators < 0.9 * power["equal"].resonators


@pytest.mark.slow
def test_the_cascade_in_time_has_them(tmp_path):
    """All tones of a network in one deck, from the pixels on: amplifiers and splitters give each branch its own."""
    images = RNG(9).uniform(0, 1, (8, 1, 3, 4))
    data = ImageSet("images", images, np.zeros(0, np.int64))
    design = compile_cnn(tiny_model(tmp_path), read_parameters(None, [*SETTINGS, "plan.levels=power"]), data)
    assert design.plan.layer("dense1").carries[0] < 0.9
    hardware = parallel_hardware(design)
    found = run_cascade(hardware.levels, images[0], cascade_timing(hardware.levels, 240e-9), 60e-9, engine="fixed_step")
    wanted = cascade(hardware.levels, hardware.held, images[:1]).logits
    assert found.logits == pytest.approx(wanted[0], abs=2e-3 * np.abs(wanted).max())
    assert wanted == pytest.approx(propagate(design.cnn, images[:1]), abs=2e-4 * np.abs(wanted).max())


@pytest.mark.slow
def test_a_transient_plays_the_tones_as_they_are(designs):
    powers, emf = np.full(3, 0.5 * designs["power"].plan.options.p_max), []
    for name in ("equal", "power"):
        result, deck = transient(designs[name], "conv1", "coupled", powers, engine="fixed_step")
        assert result.transient == pytest.approx(result.two_pass, abs=2e-3 * result.full_scale)
        emf.append([float(line.split("emf=")[1].split()[0]) for line in deck.text.splitlines() if "emf=" in line])
    (bus,) = designs["power"].plan.layer("conv1").buses
    assert np.array(emf[1]) / emf[0] == pytest.approx(np.sqrt(bus.carries[[0, 4, 8]]), rel=1e-6)
    assert bus.carries[[0, 4, 8]].max() < 0.96


@pytest.mark.parametrize("engine", ["linear", "ngspice"])
def test_a_chip_has_them_too(designs, engine):
    design = designs["power"]
    chip = sampled_chip(design, SpreadOptions(f_res=1e-7, node_capacitance=1e-6), 1, 1)
    held = chip_weights(design, "calibrated", chip, engine)
    for own in held.values():
        assert np.abs(own.values - own.trained).max() < 1e-3 * np.abs(own.trained).max()


def test_dacs_of_many_bits_hold_the_weights(designs):
    design, left = designs["power"], []
    for bits in (6, 10):
        program = design.program("calibrated").layer("dense1")
        options = QuantisationOptions(bits=bits, span=20.0)
        left.append(quantise_layer(design.plan, design.plan.layer("dense1"), program, linear, options).rms)
    assert left[1] < 0.15 * left[0]  # a 16th by the steps alone; descent helps the coarse ones more
    assert left[1] < 0.01


def test_shared_currents_refuse_them_by_name(designs):
    design = designs["power"]
    with pytest.raises(InputError, match=r"layer conv1: shared tuning currents with plan\.levels = power"):
        calibrate_shared(design.plan, design.plan.layer("conv1"), linear)


def test_levels_are_an_axis_of_operate():
    (axis,) = (one for one in chosen_axes("levels") if one.name == "levels")
    assert [axis.setting(axis.at(part)) for part in (0.0, 0.5, 1.0)] == list(LEVELS)
    assert with_values(read_parameters(), {"levels": 1.0}, (axis,)).plan.levels == "precession"
