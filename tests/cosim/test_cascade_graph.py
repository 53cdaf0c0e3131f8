"""Networks that branch and add up as parallel hardware: stages against the network, all engines against each other."""

from dataclasses import replace

import numpy as np
import pytest
from branches import Graph, graph_design, random_graph
from conftest import IN_TIME, RNG

from resonet.core.errors import InputError
from resonet.cosim.cascade.energy_budget import energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.image_run import RunOptions, default_stop, run_image
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.level_faults import faults
from resonet.cosim.cascade.settle import predicted_settling, settling, time_constants
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade, pixel_tones, trained_stages
from resonet.netlist.cascade.building import parallel_network
from resonet.netlist.cascade.deck import Timing, cascade_deck
from resonet.netlist.cascade.paths import all_paths, parallel_design
from resonet.netlist.cascade.stages import SILENT
from resonet.netlist.network.activations.clamps import RELU, Clip
from resonet.netlist.network.activations.leaky_relu import LeakyRelu
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.activations.rounded import Rounded
from resonet.netlist.network.activations.sigmoid import Sigmoid
from resonet.netlist.network.cnn import IMAGE, Cnn, MaxPool
from resonet.netlist.network.forward import propagate


def software(cnn: Cnn, images: np.ndarray) -> np.ndarray:
    """Logits by stages alone."""
    network = parallel_network(cnn)
    return network.logits([stage.sums for stage in trained_stages(network, images)])


@pytest.mark.parametrize("seed", range(60))
def test_stages_of_any_graph_compute_what_the_network_computes(seed):
    cnn = random_graph(seed)
    images = RNG(seed).uniform(-1, 1, (3, *cnn.input_shape))
    wanted = propagate(cnn, images)
    assert software(cnn, images) == pytest.approx(wanted, abs=1e-12 * np.abs(wanted).max())


def stage_of(cnn: Cnn, name: str):
    network = parallel_network(cnn)
    number = [stage.layer.name for stage in network.stages].index(name)
    return network, number, network.stages[number]


def test_an_average_is_wiring_only_where_nothing_else_takes_the_sums():
    graph = Graph((1, 4, 4), RNG(1))
    raw = graph.conv(IMAGE, 2, activation=LINEAR)
    pooled = graph.average(raw)
    graph.dense(graph.flat(pooled), 2)
    assert [(s.layer.name, [p.kind for p in s.poolings]) for s in parallel_network(graph.cnn()).stages] == [
        ("conv0", ["average"]), ("dense3", ["none"]),
    ]  # fmt: skip
    graph.dense(graph.flat(pooled, raw), 2)
    branched = replace(graph.cnn(), output=5)
    assert [(s.layer.name, [p.kind for p in s.poolings]) for s in parallel_network(branched).stages] == [
        ("conv0", ["none"]), ("pool1", ["none"]), ("dense5", ["none"]),
    ]  # fmt: skip
    images = RNG(2).uniform(-1, 1, (3, 1, 4, 4))
    assert software(branched, images) == pytest.approx(propagate(branched, images), abs=1e-12)


def test_a_maximum_and_others_share_chains_and_not_neurons():
    graph = Graph((1, 4, 4), RNG(1))
    raw = graph.conv(IMAGE, 2)
    small, large = graph.maximum(raw), graph.maximum(graph.maximum(raw, 3, 1, 1), 4)
    graph.dense(graph.flat(small, raw, large), 2)
    network, number, stage = stage_of(graph.cnn(), "conv0")
    assert [(p.kind, p.members.shape[0]) for p in stage.poolings] == [("none", 32), ("max", 8), ("max", 2)]
    assert np.array_equal(np.sort(stage.poolings[2].members[0][stage.poolings[2].members[0] >= 0]), np.arange(0, 32, 2))
    (link,) = network.links(number)
    assert link.feed.values.tolist() == list(range(42))
    images = RNG(2).uniform(-1, 1, (3, 1, 4, 4))
    assert software(graph.cnn(), images) == pytest.approx(propagate(graph.cnn(), images), abs=1e-12)


def test_a_neuron_has_a_tone_for_each_stage_and_channel_that_needs_it():
    graph = Graph((1, 4, 4), RNG(1))
    first = graph.conv(IMAGE, 2)
    second = graph.conv(first, 2, skip=first)  # its own input on a second channel
    third = graph.conv(first, 2, 1, stride=2)  # a quarter of the neurons
    graph.dense(graph.flat(second, third), 2)
    network, number, stage = stage_of(graph.cnn(), "conv0")
    assert stage.neurons == 32
    assert [(network.stages[link.to].layer.name, len(link.feed.values)) for link in network.links(number)] == [
        ("conv1", 64), ("conv2", 8),
    ]  # fmt: skip
    images = RNG(3).uniform(0, 1, (4, 1, 4, 4))
    design = parallel_design(graph_design(graph.cnn(), images), programmed=False)
    for paths, entry in zip(all_paths(design), design.plan.layers, strict=True):
        live = paths.tone >= 0
        assert np.array_equal(paths.frequency[paths.tone[live]], paths.channel[live])
        assert paths.ways.sum() == live.sum() <= sum(bus.size[1] for bus in entry.buses)
        assert np.all((paths.share * np.sqrt(paths.ways[paths.tone]))[live] <= 1 + 1e-12)


def test_outputs_are_read_wherever_they_are_and_have_their_activation():
    graph = Graph((1, 3, 3), RNG(4))
    first = graph.conv(IMAGE, 1)
    graph.dense(graph.flat(first), 2)
    head = graph.wires(np.array([4, -1, 9, 10]), (4,), first, 2)
    images = RNG(2).uniform(-1, 1, (5, 1, 3, 3))
    cnn = graph.cnn(head)
    wanted = propagate(cnn, images)
    assert software(cnn, images) == pytest.approx(wanted, abs=1e-12)
    assert np.all(wanted[:, 1] == 0)
    assert (wanted[:, 0] == 0).any()
    made = parallel_hardware(graph_design(cnn, images))
    found = cascade(made.levels, made.held, images).logits
    assert found == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())


def test_layers_that_nothing_takes_are_no_hardware():
    graph = Graph((1, 3, 3), RNG(4))
    first = graph.conv(IMAGE, 2)
    last = graph.dense(graph.flat(graph.channels(first, 0, 1)), 2)
    graph.dense(graph.flat(first), 7)
    network = parallel_network(graph.cnn(last))
    assert [(stage.layer.name, stage.neurons) for stage in network.stages] == [("conv0", 9), ("dense3", 2)]


MIXED = np.arange(32).reshape(2, 16).T.ravel()  # values of two images of 16, one of each in turn


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda g: g.maximum(IMAGE), "layer max0: a maximum of the image itself"),
        (lambda g: g.flat(g.conv(IMAGE, 1), IMAGE), "graph.onnx: outputs that no weighted layer makes"),
        (lambda g: g.maximum(g.average(g.conv(IMAGE, 1, activation=LINEAR))), "layer max2: a maximum of averages"),
        (
            lambda g: g.maximum(g.wires(MIXED, (1, 8, 4), g.conv(IMAGE, 1), g.conv(IMAGE, 1))),
            "layer max3: a maximum over several layers",
        ),
        (
            lambda g: g.maximum(g.wires(MIXED, (1, 8, 4), g.conv(IMAGE, 2))),
            "layer max2: a maximum over channels whose bias",
        ),
        (
            lambda g: g.maximum(g.wires(np.array([0, -1, 1, 2]), (1, 2, 2), g.conv(IMAGE, 1, activation=LINEAR))),
            "layer max2: zeros among its inputs",
        ),
    ],
)
def test_what_parallel_hardware_cannot_is_said_in_one_line(build, message):
    graph = Graph((1, 4, 4), RNG(1))
    build(graph)
    with pytest.raises(InputError, match=message) as caught:
        parallel_network(graph.cnn())
    assert "possible" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", [0, 5, 8, 11])
def test_two_passes_of_a_random_graph_are_its_software(seed):
    cnn = random_graph(seed, 4)
    assert not any(isinstance(layer, MaxPool) for layer in cnn.layers)  # whose diodes err, by closed form
    images = RNG(seed).uniform(-0.5, 1, (6, *cnn.input_shape))
    made = parallel_hardware(graph_design(cnn, images))
    wanted = propagate(cnn, images)
    run = cascade(made.levels, made.held, images)
    assert run.logits == pytest.approx(wanted, abs=5e-4 * np.abs(wanted).max())


def skips() -> tuple[Cnn, np.ndarray]:
    """Neurons that feed three stages, signed sums added to and listed with what is never negative: 36 resonators."""
    graph = Graph((4, 1, 1), RNG(7))
    first = graph.dense(IMAGE, 3, RELU)
    second = graph.dense(first, 3, LINEAR, skip=first)
    graph.dense(graph.flat(first, second), 2)
    return graph.cnn(), RNG(2).uniform(0, 1, (6, 4, 1, 1))


@pytest.fixture(scope="module")
def made():
    cnn, images = skips()
    return parallel_hardware(graph_design(cnn, images)), cnn, images


def test_only_what_may_be_negative_rides_on_an_offset(made):
    hardware, cnn, images = made
    levels, stages = hardware.levels, hardware.design.stages
    assert [[feed.most_offset for feed in stage.feeds] for stage in stages] == [[np.inf], [0], [0, np.inf]]
    offset, full_scale = hardware.design.scale(2)
    assert offset > 0
    own, joined = levels.stages[0].links
    assert (own.zero, joined.zero, levels.stages[1].links[0].zero) == (0, 0, offset)
    run = cascade(levels, hardware.held, images)
    wanted = propagate(cnn, images)
    assert run.logits == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())
    # The neurons that feed one stage on two channels and another on one: three oscillators with two scales.
    assert run.stages[0].outputs.shape == (6, 9)
    assert joined.full_scale == full_scale
    sums = trained_stages(hardware.design.network, images)[0].sums
    assert run.stages[0].outputs == pytest.approx(np.maximum(sums[:, [0, 0, 1, 1, 2, 2, 0, 1, 2]], 0), abs=1e-4)


def test_padding_carries_an_offset_only_where_it_stands_in_for_one():
    graph = Graph((1, 3, 3), RNG(6))
    relu, signed = graph.conv(IMAGE, 1), graph.conv(IMAGE, 1, 1, activation=LINEAR)
    graph.dense(graph.flat(graph.maximum(graph.conv(relu, 1, skip=signed, activation=RELU), 2, 1)), 2)
    cnn, images = graph.cnn(), RNG(1).uniform(-1, 1, (8, 1, 3, 3))
    _, number, stage = stage_of(cnn, "conv2")
    assert [feed.most_offset for feed in stage.feeds] == [0, np.inf]
    assert (stage.wires[:, :9] == SILENT).sum() == 4 * 5 + 4 * 3
    assert not (stage.wires == -1).any()
    made = parallel_hardware(graph_design(cnn, images))
    levels = made.levels.stages[number]
    assert levels.rest == pytest.approx(levels.unit[:4] * made.design.scale(number)[0], rel=1e-6)  # weight 1
    assert levels.trim is None
    wanted = trained_stages(made.design.network, images)[number].sums
    error = cascade(made.levels, made.held, images).stages[number].sums - wanted
    worst = levels.options.maximum().width * np.log(4) / levels.unit.min()  # of a diode maximum of four, upwards
    assert error.min() > -1e-5 * np.abs(wanted).max()
    assert error.max() <= worst * (1 + 1e-9)


LAWS = {
    "relu": (RELU, 0.0),
    "clip 0 ... 0.4": (Clip(0.0, 0.4), 0.0),
    "clip -0.1 ... 0.4": (Clip(-0.1, 0.4), 0.1),
    "clip 0.1 ... 0.4": (Clip(0.1, 0.4), np.inf),
    "leaky": (LeakyRelu((0.1,)), np.inf),
    "sigmoid": (Sigmoid(), np.inf),
    "rounded": (Rounded(0.0, 0.75, 0.05), 0.0),
    "oscillator": (OscillatorActivation("three_terminal", drive=1.3, scale=0.8), 0.0),
}


@pytest.mark.parametrize("name", LAWS)
def test_every_law_shares_a_destination_with_signed_sums(name):
    """A threshold ends outputs where a tone has no power; what a transconductor ends may have any offset."""
    law, most = LAWS[name]
    graph = Graph((3, 1, 1), RNG(7))
    graph.dense(graph.flat(graph.dense(IMAGE, 4, law), graph.dense(IMAGE, 4, LINEAR)), 3)
    images = RNG(2).uniform(-2, 2, (40, 3, 1, 1))
    design = graph_design(graph.cnn(), images)
    made = parallel_hardware(design)
    assert [feed.most_offset for feed in made.design.stages[-1].feeds] == [most, np.inf]
    offset = made.design.scale(2)[0]
    first, second = (levels.links[0] for levels in made.levels.stages[:2])
    assert (first.zero, second.zero) == (min(most, offset), offset)
    sums = trained_stages(made.design.network, images)[0].sums
    assert min(offset, -sums.min()) > 0.2
    wanted, run = propagate(design.built, images), cascade(made.levels, made.held, images)
    assert run.stages[0].outputs == pytest.approx(design.built.synapses[0].activation(sums), abs=1e-3)
    assert run.logits == pytest.approx(wanted, abs=1e-3 * np.abs(wanted).max())


def greatest() -> tuple[Cnn, np.ndarray]:
    """The larger of what is never negative and a signed sum, beside the sums themselves."""
    graph = Graph((2, 1, 1), RNG(9))
    both = graph.flat(graph.dense(IMAGE, 2, RELU), graph.dense(IMAGE, 2, LINEAR))
    relay = graph.conv(both, 4, 1, groups=4, activation=LINEAR)
    graph.layers[relay] = replace(graph.layers[relay], weight=np.ones((4, 1, 1, 1)), bias=np.zeros(4))
    largest = graph.maximum(graph.wires([0, 2, 1, 3], (2, 1, 2), relay), (1, 2))
    graph.dense(graph.flat(largest, relay), 2)
    return graph.cnn(), RNG(2).uniform(-2, 2, (20, 2, 1, 1))


def test_arms_of_a_maximum_take_off_what_offsets_put_there():
    cnn, images = greatest()
    made = parallel_hardware(graph_design(cnn, images, ("neuron.pool_gain=1e6",)))
    stage, levels = made.design.stages[2], made.levels.stages[2]
    offset = made.design.scale(2)[0]
    assert levels.trim == pytest.approx(levels.unit * [0, 0, offset, offset], rel=1e-6)
    assert levels.rest == pytest.approx(levels.unit[0] * np.array([0, 0, offset, offset, 0, 0]), rel=1e-6, abs=1e-18)
    assert [pooling.kind for pooling in stage.poolings] == ["none", "max"]
    wanted = propagate(cnn, images)
    assert cascade(made.levels, made.held, images).logits == pytest.approx(wanted, abs=1e-4 * np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("engine", IN_TIME)
def test_they_do_so_in_time(engine):
    cnn, images = greatest()
    made = parallel_hardware(graph_design(cnn, images))
    found = run_cascade(made.levels, images[1], cascade_timing(made.levels, 300e-9), 80e-9, engine=engine)
    wanted = cascade(made.levels, made.held, images)
    assert found.logits == pytest.approx(wanted.logits[1], abs=5e-3 * np.abs(wanted.logits).max())


def test_envelopes_of_a_graph_settle_to_the_two_passes(made):
    hardware, _, images = made
    run = envelope(hardware.levels, images[0], 700e-9)
    wanted = cascade(hardware.levels, hardware.held, images[:1])
    for trace, stage in zip(run.stages, wanted.stages, strict=True):
        assert trace.outputs[-1] == pytest.approx(stage.outputs[0], abs=1e-7 * np.abs(stage.outputs).max())
    assert run.logits[-1] == pytest.approx(wanted.logits[0], abs=1e-7 * np.abs(wanted.logits).max())
    predicted, found = predicted_settling(hardware.levels), [stage.sums for stage in settling(hardware.levels, run)]
    assert np.all(np.abs(predicted / found - 1) < 0.5)
    constants = [time_constants(hardware.levels, n) for n in range(3)]  # all three in a row are the longest way
    assert default_stop(hardware.levels) == pytest.approx(
        8 * sum(c.resonator + max(c.dc, c.slowest_dc) + max(c.oscillator, c.threshold) for c in constants)
    )


def test_stages_side_by_side_settle_side_by_side():
    graph = Graph((3, 1, 1), RNG(5))
    graph.dense(graph.flat(*(graph.dense(IMAGE, 2, RELU) for _ in range(3))), 2)
    levels = parallel_hardware(graph_design(graph.cnn(), RNG(1).uniform(0, 1, (4, 3, 1, 1)))).levels
    *branches, last = (time_constants(levels, n) for n in range(4))
    one = max(c.resonator + max(c.dc, c.slowest_dc) + max(c.oscillator, c.threshold) for c in branches)
    assert default_stop(levels) == pytest.approx(8 * (one + last.resonator + max(last.dc, last.slowest_dc)))


def test_every_oscillator_and_every_source_costs(made):
    hardware, _, images = made
    levels, run = hardware.levels, envelope(hardware.levels, images[0], 200e-9)
    found = energy(levels, run, images[0])
    assert [(stage.synapses, stage.neurons) for stage in found.stages] == [(12, 9), (12, 3), (12, 0)]
    options = levels.stages[0].options
    for number, stage in enumerate(found.stages):
        links = levels.stages[number].links
        watts = sum((levels.stages[link.link.to].paths.source[link.span] ** 2).sum() / (8 * 50) for link in links)
        assert stage.amplifiers == pytest.approx(watts / options.efficiency * 200e-9, rel=1e-9)
    # All sources are pixels', or amplifiers whose supply is counted where they are.
    assert [stage.pixels for stage in found.stages] == [found.stages[0].sources, 0, 0]
    supplies = sum(stage.drive + stage.read + stage.amplifiers for stage in found.stages)
    assert found.total == pytest.approx(found.stages[0].sources + supplies, rel=1e-12)


def test_padding_that_stands_in_for_an_offset_costs_its_sources():
    """Behind the pixels, too: tones of a constant power that no neuron makes."""
    graph = Graph((1, 3, 3), RNG(6))
    first = graph.conv(IMAGE, 1, pad=0, kernel=1, activation=LINEAR)
    graph.layers[first] = replace(graph.layers[first], bias=np.array([-0.5]))
    graph.dense(graph.flat(graph.conv(first, 1)), 2)
    images = RNG(1).uniform(0, 1, (8, 1, 3, 3))
    levels = parallel_hardware(graph_design(graph.cnn(), images)).levels
    offset, full_scale = levels.parallel.scale(1)
    assert offset > 0
    found = energy(levels, envelope(levels, images[0], 200e-9), images[0])
    paths = levels.stages[1].paths
    silent = paths.emf[paths.tone == -1]
    assert len(silent) == 9 * 9 - 49  # taps of a 3 x 3 kernel that see no pixel
    watts = (silent**2).sum() / (8 * 50) * offset / full_scale
    assert found.stages[1].pixels == pytest.approx(watts * 200e-9, rel=1e-9)
    supplies = sum(stage.neuron_total for stage in found.stages)
    assert found.total == pytest.approx(found.stages[0].sources + found.stages[1].pixels + supplies, rel=1e-12)


def test_a_stage_that_is_dark_settles():
    """What ends in nothing is within 1 % of 1 % of full scale: not within 1 % of e-25."""
    graph = Graph((2, 1, 1), RNG(3))
    first = graph.dense(IMAGE, 2, RELU)
    graph.layers[first] = replace(graph.layers[first], weight=np.eye(2)[..., None, None], bias=np.array([0.0, -0.5]))
    second = graph.dense(graph.channels(first, 1, 2), 2, RELU)
    graph.layers[second] = replace(graph.layers[second], bias=np.zeros(2))
    graph.dense(graph.flat(first, second), 2)
    images = np.array([[1.0, 0.2], [0.3, 1.0]]).reshape(2, 2, 1, 1)
    run = run_image(parallel_hardware(graph_design(graph.cnn(), images)), images, 0, RunOptions(("envelope",)))
    assert np.abs(run.answers["envelope"].sums[1]).max() < 1e-9
    assert not run.unsettled
    assert run.settling[1].sums < run.stop / 2


def test_levels_of_a_graph(made):
    hardware, _, images = made
    diagram, levels = level_diagram(hardware, images), hardware.levels
    assert faults(diagram) == []
    for number, name in enumerate(("dense0", "dense1", "dense3")):
        for tone in (tone for tone in diagram.tones if tone.layer == name):
            assert tone.frequency == levels.stages[number].paths.frequency[tone.tone]
            assert tone.resonator == pytest.approx(tone.part * diagram.p_max, rel=1e-9)
            assert (tone.neuron is None) == (number == 0)
            if tone.neuron:
                assert tone.neuron.amplifier == pytest.approx(tone.source, rel=1e-6)
    first, second, last = diagram.layers
    assert first.overdrive == pytest.approx(1 + 0.9 * 3, rel=1e-3)  # in the links that just hold the batch
    assert second.overdrive <= 1 + 0.9 * 3 + 1e-3
    assert np.isnan(last.overdrive)


def test_pixels_that_several_stages_need_have_a_source_for_each():
    graph = Graph((1, 3, 3), RNG(8))
    left, right = graph.conv(IMAGE, 1, 2, pad=0), graph.conv(IMAGE, 1, 1, pad=0, activation=LINEAR)
    graph.dense(graph.flat(left, right, IMAGE), 2)
    cnn, images = graph.cnn(), RNG(1).uniform(-1, 1, (5, 1, 3, 3))
    made = parallel_hardware(graph_design(cnn, images))
    tones = pixel_tones(made.design, images)
    assert tones.shape == (5, 27)
    wanted = propagate(cnn, images)
    assert cascade(made.levels, made.held, images).logits == pytest.approx(wanted, abs=5e-4 * np.abs(wanted).max())
    sources = [tone.neuron is None for tone in level_diagram(made, images).tones]
    assert sources[:6] == [True] * 6
    assert True in sources[6:]
    text = cascade_deck(made.levels, tones[0], Timing(1e-11, 1e-9), "x").text
    assert text.count(" tone_port ") == 27
    assert text.count(" amplifier ") == 13
    for n, scale in enumerate(made.design.scale(stage) for stage in range(3)):
        assert tones[:, 9 * n : 9 * n + 9] == pytest.approx((images.reshape(5, 9) + scale[0]) / scale[1], abs=1e-12)


def test_one_transient_of_a_graph_is_its_cascade(made):
    hardware, _, images = made
    found = run_cascade(hardware.levels, images[0], cascade_timing(hardware.levels, 260e-9), 70e-9)
    wanted = cascade(hardware.levels, hardware.held, images)
    assert found.logits == pytest.approx(wanted.logits[0], abs=2e-3 * np.abs(wanted.logits).max())
    for sums, stage in zip(found.settled, wanted.stages, strict=True):
        assert sums == pytest.approx(stage.sums[0], abs=2e-3 * np.abs(stage.sums).max())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["fixed_step", pytest.param("transient", marks=pytest.mark.nightly)])
def test_a_transient_with_maxima_averages_and_two_heads(engine):
    graph = Graph((1, 3, 4), RNG(12))
    raw = graph.conv(IMAGE, 1, 2, pad=0)
    tied = graph.average(graph.conv(IMAGE, 1, 2, pad=0, activation=LINEAR), 2)
    graph.dense(graph.flat(raw, graph.maximum(raw, 2, 1), tied), 2)
    cnn, images = graph.cnn(graph.flat(5, raw)), RNG(3).uniform(0, 1, (6, 1, 3, 4))
    made = parallel_hardware(graph_design(cnn, images))
    run = run_image(made, images, 2, RunOptions(("two-pass", "envelope", engine), 300e-9, window=80e-9))
    wanted, scale = run.answers["two-pass"].logits, np.abs(run.answers["two-pass"].logits).max()
    assert run.answers[engine].logits == pytest.approx(wanted, abs=5e-3 * scale)
    assert run.answers["envelope"].logits == pytest.approx(wanted, abs=1e-3 * scale)
    assert run.energy is not None
    assert run.latency == max(run.settling[0].sums, run.settling[-1].sums)
