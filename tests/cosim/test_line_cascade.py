"""Neurons under strip lines: ideal lines are ideal buses, levels of lines, and the time domain as referee."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

from resonet.core.errors import InputError
from resonet.cosim.cascade.energy_budget import energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.line_dynamics import line_drive, line_interference
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade, pixel_tones
from resonet.cosim.feed.feeds import layer_weights
from resonet.cosim.noise.repeats import noisy_accuracy
from resonet.cosim.strip.held import interfering
from resonet.cosim.strip.laid_out import lay_out
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.held import trained_weights
from resonet.cosim.weights.inference import forward
from resonet.netlist.cascade.paths import parallel_design
from resonet.netlist.cascade.stages import SILENT
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.strip.drive import line_emf
from resonet.report.neuron_figures import level_figure

IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))
LINES = ["feed.kind=stripline", "feed.layers=all"]
IDEAL = [*LINES, "feed.causes=none", "neuron.p1db=1 kW", "plan.p_max=20 pW"]  # amplifiers do not compress


def compiled(path, settings, images=IMAGES, **kwargs):
    return compile_cnn(
        path, read_parameters(None, [*SETTINGS, *settings]), ImageSet(path, images, np.zeros(0)), **kwargs
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("lines"))


@pytest.fixture(scope="module")
def real(path):
    """All layers under lines with all their parasitics."""
    return prepare(compiled(path, LINES), images=IMAGES)


def on_ideal_buses(design, images):
    """Logits of the same network on buses that hold exactly the trained weights."""
    bus = design.on_buses()
    held = trained_weights(bus.cnn)
    return cascade(parallel_hardware(bus, "coupled", held=held).levels, held, images)


@pytest.mark.parametrize("pool", ["none", "average"])
def test_ideal_lines_are_ideal_buses(tmp_path, pool) -> None:
    design = compiled(tiny_model(tmp_path, pool), IDEAL)
    made = prepare(design, "coupled", images=IMAGES, engines=("two-pass",))
    found, wanted = cascade(made.levels, made.held, IMAGES), on_ideal_buses(design, IMAGES)
    for one, other in zip((found, *found.stages), (wanted, *wanted.stages), strict=True):
        a, b = (x.logits if x in (found, wanted) else x.sums for x in (one, other))
        assert a == pytest.approx(b, abs=1e-9 * np.abs(b).max())
    assert found.logits == pytest.approx(propagate(design.cnn, IMAGES), abs=1e-8)


def test_offsets_padding_and_sums_of_several_inputs_go_through_lines(small_model, small_images) -> None:
    """Signed pixels ride on an offset; padding has neither a resonator nor a tone."""
    design = compiled(small_model, IDEAL, 2 * small_images - 1)
    made = prepare(design, "coupled", images=2 * small_images - 1, engines=("two-pass",))
    found = cascade(made.levels, made.held, 2 * small_images - 1).logits
    wanted = propagate(design.cnn, 2 * small_images - 1)
    assert found == pytest.approx(wanted, abs=1e-7 * np.abs(wanted).max())
    for stage, line in zip(made.design.stages, made.design.lines, strict=True):
        assert np.all(stage.wires != -1)
        assert len(line.usage.line) == (stage.wires != SILENT).sum() * stage.copies.outputs


def test_a_line_gets_the_current_of_p_max(real) -> None:
    """EMF over both ends is the current whose field stands for √(2 p_max / R0) in the junction; that arrives."""
    levels, line = real.levels, real.design.lines[0]
    plan, g, paths = levels.plan, line.placement.geometry, levels.stages[0].paths
    current = np.sqrt(2 * plan.options.p_max / plan.device.resistance) / g.pick_up
    assert paths.emf == pytest.approx(current * (g.source + g.termination), rel=1e-12)
    assert line_emf(line.placement, line.ends, plan.device.resistance) * np.sqrt(plan.options.p_max) == paths.emf[0]
    assert (paths.impedance, levels.stages[1].links) == (g.source, ())
    ideal = replace(line, feed=replace(line.feed, causes="none"))
    assert line_drive(ideal).reached(ideal) == pytest.approx(1, rel=1e-9)
    assert line_drive(line).weights[line.chains] == pytest.approx(
        (real.held["conv1"].values * real.held["conv1"].scale / real.held["conv1"].gain)[line.chains],
        abs=1e-9 * np.abs(line_drive(line).weights).max(),
    )


def test_envelopes_settle_where_the_two_passes_are(real) -> None:
    two, run = cascade(real.levels, real.held, IMAGES), envelope(real.levels, IMAGES[1], 600e-9, 2e-9)
    assert run.logits[-1] == pytest.approx(two.logits[1], abs=1e-9 * np.abs(two.logits).max())
    assert run.stages[0].sums[2] != pytest.approx(run.stages[0].sums[-1], rel=1e-2)
    drawn = energy(real.levels, run, IMAGES[1])
    z0, tones = real.levels.stages[0].paths.impedance, pixel_tones(real.design, IMAGES[1:2])[0]
    emf = real.levels.stages[0].paths.source
    first = drawn.stages[0]
    assert first.sources == pytest.approx(600e-9 * float(emf**2 @ tones) / (8 * z0), rel=1e-9)
    line, plan = real.design.lines[0], real.levels.plan
    strongest = line_drive(line).reached(line) * tones[line.tone[line.usage.line]] * plan.options.p_max
    assert first.resonators == pytest.approx(600e-9 * strongest.sum(), rel=0.02)  # and a little in the neighbours
    shift = (line.f_res / line.frequencies[line.usage.tone] - 1) * line.middle / line.placement.geometry.slope  # A/m
    assert 0 < first.tuning < 600e-9 * 10 * len(shift) * (np.abs(shift).max() * 2.2e-6) ** 2
    assert drawn.total == pytest.approx(sum(s.pixels + s.tuning + s.neuron_total for s in drawn.stages))


def test_the_level_diagram_follows_lines(real) -> None:
    diagram = level_diagram(real, IMAGES)
    tone, p_max = next(t for t in diagram.tones if t.layer == "conv1"), real.levels.plan.options.p_max
    assert (tone.ways, tone.inputs) == (1, 1)
    assert (tone.source, tone.feed) == (tone.splitter, "stripline")
    assert tone.source == tone.bus
    drawn = [[label.get_text() for label in axes.get_xticklabels()] for axes in level_figure(diagram).axes]
    assert drawn[0] == ["source", "strip line", "resonator"]
    assert 0 < tone.weakest <= tone.resonator < p_max * tone.part
    assert [layer.p_max > 0 for layer in diagram.layers] == [True, True]


def test_noise_under_lines_is_that_of_its_chains_and_of_their_precession(path) -> None:
    """4 k T K R0 of the chains, R0 (ΔR/R)² p_T P / (4 Γ0 (1 + u²)) of a tone; behind three poles 3π/16 B of either."""
    design = compiled(path, [*LINES, "feed.causes=none", "noise.sources=johnson, precession", "neuron.bandwidth=1 MHz"])
    made = prepare(design, images=IMAGES, engines=("two-pass",))
    line, device, stage = made.design.lines[0], made.design.plan.device, made.levels.stages[0]
    quiet = cascade(made.levels, made.held, IMAGES[1:2]).stages[0].sums[0]
    reads = cascade(made.levels, made.noisy(3), np.repeat(IMAGES[1:2], 4000, axis=0)).stages[0].sums
    found = np.var(reads - quiet, axis=0) * stage.unit[0] ** 2
    band, p_max = 3 * np.pi / 16 * 1e6, made.design.plan.options.p_max
    thermal = device.damping * 1.602e-19 * 1.381e-23 * 300 / (1.0546e-34 * 0.6 * device.threshold_current)
    f0, power = line.programmed, pixel_tones(made.design, IMAGES[1:2])[0, line.tone[line.usage.line]] * p_max
    u = (line.frequencies[line.usage.tone] - f0) / (device.damping * f0)
    rate = 2 * np.pi * device.damping * f0
    each = device.resistance * device.magnetoresistance**2 * thermal * power / (4 * rate * (1 + u**2))
    johnson = 4 * 1.381e-23 * 300 * 4 * device.resistance  # of four resonators
    wanted = (johnson + np.bincount(line.usage.chain, each)[line.chains]) * band
    assert found == pytest.approx(wanted, rel=0.12)  # deviates: 2.2 % rms; the law near resonance: some %
    assert np.all(wanted > 1.2 * johnson * band)
    budget = level_diagram(made, IMAGES).budgets[0]
    assert budget.sources["johnson"] == pytest.approx(np.sqrt(johnson * band), rel=0.03)


@pytest.mark.parametrize("feed", [LINES, ["feed.kind=stripline", "feed.layers=conv1"]])
def test_noisy_reads_of_layers_one_after_another_are_those_of_the_cascade(path, feed) -> None:
    """`accuracy --noise` and `run --noise` of a network with its layers, or one of them, on strip lines."""
    design = compiled(path, [*feed, "neuron.bandwidth=1 MHz", "neuron.p1db=1 W"])
    held = layer_weights(design, "coupled", linear, ["conv1", "dense1"])
    made, many = parallel_hardware(design, "coupled", held=held), np.repeat(IMAGES[1:2], 2000, axis=0)
    in_cascade = cascade(made.levels, made.noisy(1), many).logits
    in_turn = forward(design, made.noisy(2), many)
    assert in_turn.mean(0) == pytest.approx(in_cascade.mean(0), abs=0.1 * in_cascade.std(0).max())
    assert in_turn.std(0) == pytest.approx(in_cascade.std(0), rel=0.09)  # four standard deviations of 2,000 reads
    data = ImageSet("images", many[:50], propagate(design.cnn, many[:50]).argmax(1))
    runs = [noisy_accuracy(design, held, data, data.labels, noisy=made.noisy(seed)) for seed in (3, 3, 4)]
    assert runs[0].shares == runs[1].shares
    classes = [read.argmax(1) for read in (in_cascade, in_turn)]
    right = [np.mean(own == data.labels[0]) for own in classes]
    assert right[0] == pytest.approx(right[1], abs=0.06)
    assert runs[2].mean == pytest.approx(right[0], abs=0.3)


@pytest.mark.slow
def test_lines_of_one_frequency_beat_as_they_are_said_to(path) -> None:
    """The whole network in time: a kernel of two by two repeats tones two pixels apart, where fields still reach."""
    design = compiled(path, LINES)
    made = prepare(design, images=IMAGES, engines=("two-pass", "fixed_step"))
    levels, line = made.levels, made.design.lines[0]
    alone = cascade(levels, made.held, IMAGES[1:2]).stages[0].sums[0]
    strip = lay_out(design, "conv1").solve()
    beating = interfering(made.held["conv1"], strip)
    in_step = replace(beating, phases=np.zeros(len(line.tone)))  # all sources begin at zero
    wanted = cascade(levels, {**made.held, "conv1": in_step}, IMAGES[1:2])
    run = run_cascade(levels, IMAGES[1], cascade_timing(levels, 200e-9), 50e-9, engine="fixed_step")
    scale = np.abs(alone).max()
    assert np.abs(wanted.stages[0].sums[0] - alone).max() > 0.02 * scale
    assert run.settled[0] == pytest.approx(wanted.stages[0].sums[0], abs=1e-3 * scale)
    assert run.logits == pytest.approx(wanted.logits[0], abs=2e-3 * np.abs(wanted.logits).max())
    powers = pixel_tones(made.design, IMAGES[1:2])[0, line.tone] * levels.plan.options.p_max
    rms = line_interference(line, powers) / levels.stages[0].unit
    drawn = []
    for seed in range(100):
        held = {**made.held, "conv1": interfering(made.held["conv1"], strip, seed)}
        drawn.append(cascade(levels, held, IMAGES[1:2]).stages[0].sums[0] - alone)
    assert np.sqrt(np.mean(np.square(drawn), 0)) == pytest.approx(rms, rel=0.25)


def test_what_lines_cannot_do_is_refused(path, small_model, small_images) -> None:
    with pytest.raises(InputError, match=r"feed.arrangement = sequential: .*possible: planar, stacked"):
        parallel_design(compiled(path, [*LINES, "feed.arrangement=sequential"]))
    made = prepare(compiled(path, LINES), "formula", images=IMAGES, engines=("two-pass",))
    bus = prepare(compiled(path, []), "formula", images=IMAGES, engines=("two-pass",))
    with pytest.raises(InputError, match="layer conv1: weights of chains on buses"):
        parallel_hardware(compiled(path, LINES), "formula", held=bus.held)
    bare = replace(made.design.lines[0], f_res=None)
    with pytest.raises(InputError, match="strip lines without a program"):
        line_drive(bare)
