"""The level diagram: powers against closed forms, noise floors, headrooms, and what is called a fault."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG, save_model, small_nodes, small_weights
from networks import spread_model

from resonet.core.errors import InputError
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.level_diagrams import dbm, level_diagram
from resonet.cosim.cascade.level_faults import faults, noisy
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import layer_sums
from resonet.netlist.network.images import ImageSet

BOLTZMANN = 1.380649e-23
SETTINGS = [
    *("plan.f_min=2 GHz", "plan.f_max=5.2 GHz", "plan.tile=12", "bus.combiner_loss=1.5", "neuron.p1db=1 mW"),
    *("bus.block_capacitance=0.1 pF", "bus.bypass_capacitance=0.1 pF", "bus.choke_inductance=5 uH"),
]
IMAGES = RNG(6).uniform(0, 1, (12, 1, 8, 8))


def hardware(folder, calibration=IMAGES, settings=()):
    path = save_model(folder / "small.onnx", small_nodes(), small_weights(), (1, 8, 8), "y")
    made = read_parameters(None, [*SETTINGS, *settings])
    design = compile_cnn(path, made, ImageSet("images", calibration, np.zeros(0, np.int64)))
    return prepare(design, engines=("two-pass",), images=calibration)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    made = hardware(tmp_path_factory.mktemp("levels"))
    return made, level_diagram(made, IMAGES)


def test_a_tone_loses_what_splitter_and_combiner_take(found) -> None:
    made, diagram = found
    assert [(tone.layer, tone.which) for tone in diagram.tones] == [
        (layer, which) for layer in ("conv1", "dense1") for which in ("largest", "median", "smallest")
    ]
    for tone in diagram.tones:
        paths = made.levels.stages[0 if tone.layer == "conv1" else 1].paths
        emf = paths.source[tone.tone] * np.sqrt(tone.part)
        assert tone.source == pytest.approx(emf**2 / (8 * 50), rel=1e-12)
        assert dbm(tone.source) - dbm(tone.splitter) == pytest.approx(10 * np.log10(tone.ways), abs=1e-9)
        assert dbm(tone.splitter) - dbm(tone.bus) == pytest.approx(10 * np.log10(tone.inputs) + 1.5, abs=1e-9)
        assert tone.resonator == pytest.approx(tone.part * diagram.p_max, rel=1e-9)
        assert tone.frequency == paths.frequency[tone.tone]


def test_parts_are_those_of_the_batch(found) -> None:
    _, diagram = found
    largest, median, smallest = (tone.part for tone in diagram.tones[:3])
    full_scale = IMAGES.max()
    assert (largest, smallest) == pytest.approx((1, IMAGES[:, 0, :7, :7].min() / full_scale), rel=1e-12)
    assert median == pytest.approx(np.median(IMAGES[:, 0, :7, :7]) / full_scale, rel=0.02)


def test_what_makes_a_tone_follows_the_neurons_law(found) -> None:
    """V -> I = bias + gm V -> ideal ReLU P = P_full (ξ - 1)/(clamp - 1) -> amplifier -> next tone."""
    made, diagram = found
    (own,) = made.levels.stages[0].links
    for tone in diagram.tones[3:]:
        neuron = tone.neuron
        assert neuron is not None
        current = own.bias[tone.tone] + own.gm * neuron.voltage
        assert neuron.current == pytest.approx(current, rel=1e-12)
        assert neuron.overdrive == pytest.approx(current / 10e-6, rel=1e-12)
        assert neuron.oscillator == pytest.approx(50e-9 * (neuron.overdrive - 1) / 3, rel=1e-9)
        assert neuron.amplifier == pytest.approx(tone.source, rel=1e-9)
        assert neuron.p1db == 1e-3
    assert all(tone.neuron is None for tone in diagram.tones[:3])


def test_noise_floors_are_closed_forms(found) -> None:
    made, diagram = found
    for layer, budget, taps in zip(diagram.layers, diagram.budgets, (9, 36), strict=True):
        assert layer.tone_noise == pytest.approx(BOLTZMANN * 300 * 2 * 0.01 * 5.2e9, rel=1e-9)
        density = 4 * BOLTZMANN * 300 * 1e3 * taps
        white = np.sqrt(density * 3 * np.pi / 16 * 20e6)  # the chain's own capacitors take a little of it
        assert 0.85 * white < budget.sources["johnson"] < white
        read = 1e-18 + 4 * BOLTZMANN * 300 / 1e9 * (1e3 * taps) ** 2  # transconductor, and the readout's own resistance
        assert budget.sources["readout"] == pytest.approx(np.sqrt(read * 3 * np.pi / 16 * 20e6), rel=5e-3)
        assert layer.chain_noise == pytest.approx(np.sqrt(sum(rms**2 for rms in budget.sources.values())), rel=1e-12)
        assert budget.dominant == "johnson"
    paths, own = made.levels.stages[1].paths, made.levels.stages[0].links[0]
    pole = 1 / np.hypot(1, paths.frequency / 40e9)
    noise = BOLTZMANN * 290 * 10**0.3 * (own.gain * pole) ** 2 * 0.02 * paths.frequency
    assert diagram.layers[0].amplifier_noise == pytest.approx(noise.max(), rel=1e-9)


def test_headrooms_are_those_of_the_largest_activation(found) -> None:
    made, diagram = found
    strongest = float(made.levels.stages[1].paths.source.max()) ** 2 / 400  # W at p_max
    first, last = diagram.layers
    assert (first.p_max, first.beyond, first.clipped) == (pytest.approx(0, abs=1e-9), 0, 0)
    assert first.overdrive == pytest.approx(1 + 0.9 * 3, rel=1e-4)  # the batch is the calibration batch: headroom 0.9
    assert first.clamp == pytest.approx(20 * np.log10(4 / first.overdrive), abs=1e-9)
    largest = max(tone.source for tone in diagram.tones[3:])
    assert 10 * np.log10(1e-3 / strongest) - 1e-9 <= first.p1db <= 10 * np.log10(1e-3 / largest) + 1e-9
    assert np.isnan([last.overdrive, last.clamp, last.clipped, last.p1db, last.amplifier_noise]).all()
    assert faults(diagram) == []
    assert len(noisy(diagram)) == 2  # p_max of 2 nW and 20 MHz: microvolts against Johnson noise of kiloohms
    quiet = [replace(layer, chain_noise=0.0) for layer in diagram.layers]
    assert noisy(replace(diagram, layers=tuple(quiet))) == []
    assert all(
        "more plan.p_max, up to 2.1 nW by the linear law" in line for line, _ in noisy(replace(diagram, p_max=1e-9))
    )
    told = "not more plan.p_max: the linear law ends at 2.1 nW"
    assert all(told in line for line, _ in noisy(replace(diagram, p_max=1e-6)))


def test_noise_counts_most_where_the_full_scale_is_least(tmp_path) -> None:
    """Channels whose weights differ by a thousand: the worst neuron's full scale by its own weights and images."""
    design = compile_cnn(spread_model(tmp_path), read_parameters(None, [*SETTINGS, "plan.scale=layer"]))
    images = np.random.default_rng(1).uniform(0, 1, (20, 1, 3, 4))
    made = prepare(design, "coupled", engines=("two-pass",), images=images)
    first, last = level_diagram(made, images).layers
    layer = design.cnn.synapses[0]
    sums = np.abs(layer_sums(layer, images) - layer.bias[:, None, None]).max((0, 2, 3))
    unit = made.levels.stages[0].unit[0]
    assert (first.worst_neuron, sums.argmin()) == (3, 3)
    assert first.worst_full_scale == pytest.approx(sums[3] * unit, rel=0.1)  # of the circuit as programmed
    assert first.full_scale == pytest.approx(sums.max() * unit, rel=0.1)
    assert last.worst_full_scale <= last.full_scale
    raised = compile_cnn(spread_model(tmp_path), read_parameters(None, [*SETTINGS, "plan.scale=neuron"]))
    after = level_diagram(prepare(raised, "coupled", engines=("two-pass",), images=images), images).layers[0]
    assert after.worst_full_scale / after.full_scale > 30 * first.worst_full_scale / first.full_scale


def matched() -> np.ndarray:
    """Images that are bright exactly where one kernel, at one position, has positive weights."""
    found = np.zeros((36, 1, 8, 8))
    for n, (kernel, position) in enumerate((k, p) for k in range(4) for p in range(9)):
        row, column = 2 * (position // 3), 2 * (position % 3)
        found[n, 0, row : row + 3, column : column + 3] = small_weights()["w1"][kernel, 0] > 0
    return found


def test_activations_beyond_the_calibration_batch_are_faults(found) -> None:
    made, _ = found
    diagram = level_diagram(made, matched())
    first, second = diagram.layers
    assert first.clipped > 0.01
    assert first.overdrive > 4
    assert first.clamp == pytest.approx(20 * np.log10(4 / first.overdrive), abs=1e-9)
    assert second.p_max < -0.1
    assert second.beyond > 0
    told = faults(diagram)
    assert [line.split(":")[0] for line in told] == ["layer conv1", "layer dense1"]
    assert "clamp" in told[0]
    assert "p_max" in told[1]


def test_black_images_have_no_tones(found) -> None:
    made, _ = found
    with pytest.raises(InputError, match="layer conv1: no tone above zero"):
        level_diagram(made, np.zeros((1, 1, 8, 8)))
