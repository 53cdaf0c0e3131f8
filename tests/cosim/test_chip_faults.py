"""Faulty chips: the engine against ngspice's decks and closed forms, calibration around faults, degradation curves."""

from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.chips.weights import ChipLayer, chip_weights
from resonet.cosim.montecarlo.levels import chip_levels
from resonet.cosim.robust.fault_study import FaultRun, fault_curves, run_faults
from resonet.cosim.robust.refit import refitted
from resonet.netlist.chips.faults import Fault, FaultOptions
from resonet.netlist.chips.faulty import faulty_chip, movable
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design import compile_cnn, read_parameters, write_design
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.fault_maps import draw_faults, fault_map, read_faults
from resonet.netlist.network.cnn import patches

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MODEL = DIGITS / "digits_relu.onnx"


@pytest.fixture(scope="module")
def design():
    return compile_cnn(MODEL, read_parameters(settings=["plan.tile=16"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, design):
    place = tmp_path_factory.mktemp("faults") / "build"
    write_design(design, MODEL, place)
    return place


@pytest.fixture(scope="module")
def grouped():
    return compile_cnn(MODEL, read_parameters(settings=["plan.tile=16", "bus.groups=4", "bus.node_capacitance=2 fF"]))


def faults_of(design, *named, options=None):
    return faulty_chip(ChipSampler(design).chip(None), fault_map(design, named, options))


def off(design, chip):
    """Largest difference of ngspice's weights from the engine's, part of the layer's largest, by layer [outputs]."""
    ours, theirs = (chip_weights(design, "coupled", chip, engine) for engine in ("linear", "ngspice"))
    return {
        name: np.abs(held.values - theirs[name].values).max((0, 2)) / np.abs(held.values).max()
        for name, held in ours.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "rates", [{"short": 0.02, "stuck": 0.02, "tone": 0.1}, {"line": 0.05}], ids=["resonators and tones", "broken buses"]
)
def test_ngspice_has_the_same_weights_of_a_faulty_chip_with_spread(design, rates):
    spread = SpreadOptions(f_res=0.003, resistance=0.05, damping=0.05)
    chip = faulty_chip(ChipSampler(design, spread).chip(3), draw_faults(design, rates, 1, 0))
    for errors in off(design, chip).values():
        assert errors.max() < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("kind", [None, "short", "open"])
def test_ngspice_has_the_same_weights_of_chains_in_groups(grouped, kind):
    chip = ChipSampler(grouped, SpreadOptions(resistance=0.05, node_capacitance=0.1)).chip(3)
    broken = chip if kind is None else faulty_chip(chip, draw_faults(grouped, {kind: 0.01}, 1, 0))
    for errors in off(grouped, broken).values():
        assert errors.max() < 1e-9


@pytest.mark.slow
def test_ngspice_has_the_same_weights_with_an_open_chain_and_with_one_behind_a_bypass(design):
    last = design.plan.layers[-1]
    broken = Fault(last.layer.name, last.buses[1].name, 2, 3, "open")
    errors = off(design, faults_of(design, broken))[last.layer.name]
    assert errors.max() < 1e-9
    bridged = faults_of(design, broken, options=FaultOptions(open_resistance=20e3))
    assert off(design, bridged)[last.layer.name].max() < 1e-9


def test_a_short_raises_the_current_of_its_chain_as_the_closed_form_says(design):
    entry = design.plan.layers[-1]
    bus, number, circuit = entry.buses[0], 0, design.plan.circuit
    chip = faults_of(design, Fault(entry.layer.name, bus.name, 1, 4, "short"))
    sound = ChipLayer(design.plan, entry, ChipSampler(design).chip(None)).powers(number)
    found = ChipLayer(design.plan, entry, chip).powers(number)
    size, ohm = bus.size[1], design.plan.device.resistance
    lowest = size - 1  # of all tones this one is furthest from what node capacitances do
    gain = np.sqrt(found[1, :, lowest] / sound[0, :, lowest])
    # All chains hang on one bus of 50 ohm, which the short pulls down a little for all.
    bus_now = np.sqrt(found[0, :, lowest] / sound[0, :, lowest])
    assert gain / bus_now == pytest.approx(size * ohm / ((size - 1) * ohm + 10), rel=2e-3)
    assert circuit.groups == 1
    held = chip_weights(design, "coupled", chip)[entry.layer.name]
    assert abs(held.values[bus.group, 1, bus.taps[4]]) < 0.05 * np.abs(held.values).max()


def test_an_open_resonator_takes_the_whole_neuron(design):
    last = design.plan.layers[-1]
    chip = faults_of(design, Fault(last.layer.name, last.buses[0].name, 2, 3, "open"))
    held = chip_weights(design, "coupled", chip)[last.layer.name].values
    assert np.abs(held[0, 2]).max() < 2e-3 * np.abs(held).max()  # the readout of 1 GΩ sees 1/1000 past 1 TΩ
    assert np.abs(np.delete(held, 2, 1)).max((0, 2)).min() > 0.1 * np.abs(held).max()


def test_calibration_leaves_what_is_held_and_mends_the_rest(design):
    chip = faulty_chip(ChipSampler(design).chip(None), draw_faults(design, {"stuck": 0.02, "short": 0.02}, 2, 0))
    found = chip_levels(design, "coupled", chip, ("programmed", "calibrated"))
    for entry in design.plan.layers:
        name = entry.layer.name
        tuned, before = found["calibrated"], found["programmed"]
        for n, bus in enumerate(entry.buses):
            held = chip.layer(name).held(n)
            real = tuned.design.program("coupled").layer(name).f_res[n]
            assert np.array_equal(
                real[held], chip.resonances(name, design.program("coupled").layer(name).f_res)[n][held]
            )
            assert bus.size == real.shape
        free = movable(entry, chip)
        errors = {level: found[level].held[name].error for level in ("programmed", "calibrated")}
        whole = free.all(2)
        assert np.abs(errors["calibrated"][whole]).max(initial=0) < 0.02
        assert tuned.held[name].rms_error < before.held[name].rms_error


def test_dead_oscillators_stay_dark_after_calibration(design):
    layer = design.plan.layers[0].layer
    bus = design.plan.layers[0].buses[0]
    chip = faults_of(design, Fault(layer.name, bus.name, 3, None, "oscillator"))
    for level, found in chip_levels(design, "coupled", chip).items():
        held = found.held[layer.name]
        assert held.shift is not None, level
        assert not held.values[0, 3].any()
        assert held.shift[0, 3] == -layer.bias[3]


def test_oscillators_behind_the_last_layer_are_refused(design, tmp_path):
    last = design.plan.layers[-1]
    path = tmp_path / "map.csv"
    path.write_text(f"layer,bus,chain,resonator,kind,detuning\n{last.layer.name},{last.buses[0].name},0,,oscillator,\n")
    with pytest.raises(InputError, match="row 2: behind layer dense1 there are no oscillators"):
        read_faults(path, design)


@pytest.mark.slow
def test_refitting_on_images_finds_the_least_squares_of_what_can_be_moved(design):
    """With one stuck resonator the sums of its neuron come as close as the normal equations say, to first order."""
    images = design.images(DIGITS / "digits_calibration.npz").images[:200]
    entry = design.plan.layers[0]
    chip = faults_of(design, Fault(entry.layer.name, entry.buses[0].name, 2, 4, "stuck", -0.8))
    calibrated = chip_levels(design, "coupled", chip, ("calibrated",))["calibrated"].held[entry.layer.name]
    fitted = refitted(design, "coupled", chip, images).held[entry.layer.name]
    scale = design.scales[entry.layer.name]
    rows = patches(images, entry.layer)[0].reshape(-1, entry.layer.taps)
    error = {}
    for name, held in (("calibrated", calibrated), ("fitted", fitted)):
        off = rows @ (held.values[0, 2] - entry.layer.matrix[0, 2])
        error[name] = off.std()
    own = entry.buses[0].taps[4]
    wrong = fitted.values[0, 2, own] - entry.layer.matrix[0, 2, own]
    free = np.delete(np.arange(entry.layer.taps), own)
    x = rows - rows.mean(0)
    best = np.linalg.lstsq(x[:, free], -wrong * x[:, own], rcond=None)[0]
    least = (x[:, free] @ best + wrong * x[:, own]).std()
    assert error["fitted"] < 0.9 * error["calibrated"]
    assert error["fitted"] < 1.25 * least
    assert scale.full_scale > 0


@pytest.mark.slow
def test_curves_fall_and_calibration_buys_back(folder):
    run = FaultRun(
        source=str(folder),
        data=str(DIGITS / "digits_test.npz"),
        calibration=str(DIGITS / "digits_calibration.npz"),
        kinds=("short", "open"),
        rates=(0.003, 0.03),
        samples=2,
    )
    _, outcomes = run_faults(run, folder, 1)
    curves = {(curve.kind, curve.level): curve for curve in fault_curves(run, outcomes)}
    assert len(curves) == 6
    assert not outcomes.failed()
    for kind in run.kinds:
        for level in run.levels:
            assert curves[kind, level].mean[1] <= curves[kind, level].mean[0] + 0.01
    assert curves["short", "refitted"].mean[1] > curves["short", "programmed"].mean[1]
    assert curves["short", "calibrated"].rms[1] < curves["short", "programmed"].rms[1]
