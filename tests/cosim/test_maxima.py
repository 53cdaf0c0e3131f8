"""Max pools of diodes in `accuracy`: the closed form, the cascade's numbers, and what the commands say of them."""

import json
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.weights import inference, logits
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.float32 import Float32Network, float32_images
from resonet.cosim.weights.held import trained_weights
from resonet.cosim.weights.inference import diode_accuracy, forward
from resonet.cosim.weights.maxima import DiodePools, diode_pools
from resonet.models.neuron.electronics import DiodeMaximum
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Cnn, MaxPool, Synapses, Wiring
from resonet.netlist.network.forward import layer_sums, propagate, software_layer
from resonet.netlist.network.images import ImageSet
from resonet.netlist.planning.scales import calibrated_scales

IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Design of a tiny network with a pool of two, and its file."""
    path = tiny_model(tmp_path_factory.mktemp("tiny"), "max")
    return compile_cnn(path, read_parameters(None, SETTINGS), ImageSet(path, IMAGES, np.zeros(0))), path


def test_accuracy_with_diodes_is_what_the_cascade_gives(tiny) -> None:
    design, _ = tiny
    hardware = parallel_hardware(design)
    images = 0.7 * IMAGES  # nothing beyond what tones carry, which accuracy cuts off and an oscillator does not
    wanted = cascade(hardware.levels, hardware.held, images).logits
    made = calibrate(design).design
    held = {name: effective_weights(made, name, "calibrated", engine=linear) for name in ("conv1", "dense1")}
    maxima, scale = diode_pools(made, held), np.abs(wanted).max()
    assert maxima is not None
    assert np.abs(forward(made, held, images) - wanted).max() > 0.1 * scale
    assert forward(made, held, images, maxima=maxima) == pytest.approx(wanted, abs=5e-5 * scale)
    (error,) = maxima.errors
    assert (error.pool, error.layer, error.inputs) == ("maxpool1", "conv1", 2)
    assert error.bound == pytest.approx(1.380649e-23 * 300.15 / 1.602176634e-19 / 1e4 * np.log(2), rel=1e-9)
    assert maxima.units["conv1"] == pytest.approx(hardware.levels.stages[0].unit[::6], rel=1e-9)
    assert 0 < error.rms < error.largest <= error.bound / error.full_scale * (1 + 1e-9)


def test_two_inputs_by_hand(tiny) -> None:
    """Kirchhoff for two diodes: above the larger by w ln(1 + exp(-d/w))."""
    design, _ = tiny
    diode = DiodeMaximum(gain=1e3)
    maxima = DiodePools(design.built, diode, {"conv1": np.full(2, 1e-5)})
    conv, pool = design.built.layers[:2]
    sums = RNG(3).normal(0, 3, (4, *conv.out_shape))
    maxima.keep(conv, sums)
    found = maxima.maximum(pool, np.maximum(sums, 0))
    top = np.maximum(sums[:, :, 0:1], sums[:, :, 1:2])
    low = np.minimum(sums[:, :, 0:1], sums[:, :, 1:2])
    width = diode.width / 1e-5
    expected = np.maximum(top + width * np.log1p(np.exp(-(top - low) / width)), 0)
    assert found == pytest.approx(expected, rel=1e-12)


def branched() -> Cnn:
    """Padded and overlapping windows of two layers side by side, and a pool of that pool."""
    rng, size = RNG(5), (5, 6)
    shapes = (4, 2, 3, 3), (2, 2, 1, 1)
    convs = [
        Synapses(
            *(f"conv{n}", "", "conv", rng.normal(0, 0.5, shape), rng.normal(0, 0.2, shape[0]), (2, *size)),
            out_shape=(shape[0], *size),
            padding=(shape[2] // 2,) * 4,
            activation=RELU if n == 1 else LINEAR,
        )
        for n, shape in enumerate(shapes, 1)
    ]
    join = Wiring("join", "", (180,), (6, *size), RNG(6).permutation(6).repeat(30) * 30 + np.tile(np.arange(30), 6))
    first = MaxPool("maxpool1", "", (6, *size), (6, 3, 3), (3, 3), (2, 2), (1, 1), (1, 1, 1, 1))
    second = MaxPool("maxpool2", "", (6, 3, 3), (6, 3, 3), (2, 2), (1, 1), (1, 1), (0, 0, 1, 1))
    sources = ((IMAGE,), (IMAGE,), (0, 1), (2,), (3,))
    return Cnn("net.onnx", "0" * 64, (2, *size), (*convs, join, first, second), sources=sources)


def test_sharp_diodes_pool_as_the_trained_network_does() -> None:
    cnn, images = branched(), RNG(6).uniform(-1, 1, (5, 2, 5, 6))
    wanted, units = propagate(cnn, images), {"conv1": np.full(4, 1e-5), "conv2": np.full(2, 2e-5)}
    for gain, least, most in ((1e9, 0.0, 1e-4), (1e4, 0.02, 1.0)):
        maxima = DiodePools(cnn, DiodeMaximum(gain=gain), units)

        def weighted(synapses: Synapses, x: np.ndarray, maxima: DiodePools = maxima) -> np.ndarray:
            maxima.keep(synapses, layer_sums(synapses, x))
            return software_layer(synapses, x)

        apart = np.abs(propagate(cnn, images, weighted, pooled=maxima.maximum) - wanted).max() / np.abs(wanted).max()
        assert least <= apart < most
        errors = {(error.pool, error.layer): error for error in maxima.errors}
        assert set(errors) == {(pool, layer) for pool in ("maxpool1", "maxpool2") for layer in ("conv1", "conv2")}
        assert errors["maxpool1", "conv1"].inputs == 9
        assert errors["maxpool2", "conv2"].inputs == 4


@pytest.mark.parametrize("gain", [1e3, 1e5])
def test_diodes_in_float32_pool_as_in_float64(gain: float) -> None:
    cnn, images = branched(), RNG(6).uniform(-1, 1, (50, 2, 5, 6))
    units = {"conv1": np.linspace(1e-5, 4e-5, 4), "conv2": np.full(2, 2e-5)}
    held = trained_weights(cnn)
    scales = calibrated_scales(cnn, images)
    exact, quick = (DiodePools(cnn, DiodeMaximum(gain=gain), units) for _ in range(2))
    design = SimpleNamespace(cnn=cnn, built=cnn, scales=scales)
    wanted = forward(design, held, images, maxima=exact)
    found = Float32Network(cnn, held, scales, maxima=quick)(float32_images(cnn, images))
    assert found.logits == pytest.approx(wanted, abs=1e-5 * np.abs(wanted).max())
    quick.take(found.pools)
    for ours, error in zip(quick.errors, exact.errors, strict=True):
        assert (ours.pool, ours.layer, ours.inputs, ours.bound) == (error.pool, error.layer, error.inputs, error.bound)
        assert ours.full_scale == pytest.approx(error.full_scale, rel=1e-5)
        assert (ours.rms, ours.largest) == pytest.approx((error.rms, error.largest), rel=1e-4, abs=1e-6)


def test_accuracy_with_diodes_in_float32(tiny, monkeypatch) -> None:
    design, _ = tiny
    images = RNG(8).uniform(0, 1, (400, 1, 3, 4))
    data = ImageSet(None, images, RNG(9).integers(0, 3, 400))
    held = {name: effective_weights(design, name, "coupled", engine=linear) for name in ("conv1", "dense1")}
    software = propagate(design.cnn, images)
    quick = diode_accuracy(design, held, data, software, threads=1)
    monkeypatch.setattr(inference, "FEW", 10**9)
    exact = diode_accuracy(design, held, data, software)
    assert (quick.circuit, quick.same_class) == (exact.circuit, exact.same_class)
    assert quick.pools[0].rms == pytest.approx(exact.pools[0].rms, rel=1e-4)
    assert quick.pools[0].rms != exact.pools[0].rms
    monkeypatch.undo()
    monkeypatch.setattr(logits, "MOST", 0.0)  # nothing is left to float32: what it said of the diodes is not counted
    assert diode_accuracy(design, held, data, software) == exact


def test_diodes_pool_what_the_chosen_program_holds(tiny) -> None:
    made = calibrate(tiny[0]).design
    logits = []
    for program in ("formula", "coupled", "calibrated"):
        held = {name: effective_weights(made, name, program, engine=linear) for name in ("conv1", "dense1")}
        logits.append(forward(made, held, IMAGES, maxima=diode_pools(made, held)))
    scale = np.abs(logits[2]).max()
    assert all(np.abs(one - other).max() > 1e-8 * scale for one, other in combinations(logits, 2))


def test_what_is_not_pooled_has_no_diodes(small_design) -> None:
    held = {n: effective_weights(small_design, n, "coupled", engine=linear) for n in ("conv1", "dense1")}
    data = ImageSet(None, np.zeros((1, 1, 8, 8)), np.zeros(1))
    assert diode_accuracy(small_design, held, data, np.zeros((1, 3))) is None


def test_the_commands_say_it_with_a_number(tiny, tmp_path, resonet) -> None:
    design, path = tiny
    write_design(design, path, tmp_path / "build")
    labels = propagate(design.cnn, IMAGES).argmax(1)
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=labels)
    common = (tmp_path / "build", "--data", tmp_path / "data.npz", "--program", "coupled", "--json")
    pages = {}
    for command, *options in (("accuracy",), ("levels",), ("run", "--engine", "two-pass")):
        result = resonet(command, *common, *options)
        pages[command] = json.loads(result.out)
        warned = [row for row in pages[command]["warnings"] if row["code"] == "soft-maximum"]
        assert [row["limit"] for row in warned] == [0.01]
        assert 0.08 < warned[0]["value"] < 0.13
        assert "layer conv1: its diode maxima of 2 inputs lie up to 1.79 uV above ideal ones, 1" in warned[0]["text"]
        assert resonet(command, *common, *options, "--strict").code == 1
    (pool,) = pages["accuracy"]["maxima"]["coupled"]
    assert 0 < pool["rms"] < pool["largest"] <= pool["bound"] / pool["full_scale"]
    assert pages["accuracy"]["accuracy"]["diode_maxima_coupled"] <= pages["accuracy"]["accuracy"]["circuit_coupled"]
    assert "coupled, diode maxima" in resonet("accuracy", *common[:-1]).out
