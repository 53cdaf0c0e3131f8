"""Crosstalk attribution: closed forms, sum rule, linear response, pairs, both engines, whole layers, the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import complaint

from resonet.core.errors import InputError
from resonet.cosim.strip import attribution
from resonet.cosim.strip import tree_solver as strip_sweep
from resonet.cosim.strip.attribution import BASE, PARTS, attribute
from resonet.cosim.strip.direct import linear_phasors
from resonet.cosim.strip.engine import strip_response
from resonet.cosim.strip.held import coherent_sums, interfering
from resonet.cosim.strip.layer import solve_layer_windows, strip_weights
from resonet.cosim.strip.passes import ALL_CAUSES, layer_resonances, rectified, strip_pass
from resonet.cosim.weights.bus_attribution import attribute_bus, bus_circuit
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.held import trained_weights
from resonet.cosim.weights.inference import accuracy, forward
from resonet.models.line.strip_geometry import Geometry, line_field
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.strip.circuit import strip_circuit
from resonet.netlist.strip.drive import strip_program
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.usage import layer_usage, wired_usage

DEVICE = SpinDiode()
K = DEVICE.sensitivity
TWO = np.array([[0, 1], [1, 2]])  # two chains of two; the middle line is shared


def two_chains(geometry=None):
    """Placement, tones, weights [tuning lines] and resonances of the hand-solvable circuit."""
    placement = place(wired_usage(TWO), "planar", geometry)
    tones, weights = np.array([2e9, 3e9]), np.array([0.5, -0.3]) * K
    return placement, tones, weights, strip_program(placement, weights, tones, DEVICE)


@pytest.mark.slow
def test_fields_of_a_neighbour_by_hand():
    placement, tones, weights, f_res = two_chains()
    found = attribute(placement, tones, f_res, weights, parts={"field": ("line_field",)}, device=DEVICE)
    a, tone, sign = float(line_field(Geometry(), Geometry().pitch_x)), placement.usage.tone, (1, -1)
    f_res, tone = f_res.reshape(2, 2), tone.reshape(2, 2)
    wanted = np.zeros((2, 3))
    for tap in (0, 1):
        for chain in (0, 1):  # the other chain's line at this tap, in this chain's resonator
            other = TWO[1 - chain, tap]
            volts = rectified_per_watt(tones[tone[1 - chain, tap]], f_res[chain, tap], DEVICE)
            wanted[chain, other] += sign[tap] * volts * a**2
    assert np.abs(found.parts[0].alone * found.scale - wanted).max() < 1e-6 * np.abs(wanted).max()
    assert np.array_equal(found.uses, [[True, True, False], [False, True, True]])
    # Lines 0 and 2 share a tone, but never a resonator; line 1 meets itself alone: nothing to interfere.
    assert np.abs(found.parts[0].linear).max() < 1e-6 * np.abs(found.parts[0].alone).max()  # begins with a²


def test_interference_by_hand():
    placement = place(wired_usage([[0], [1]]), "planar")  # both lines on one tone: neither chain holds it twice
    f, weights = np.array([3e9]), np.array([0.4]) * K
    f_res = strip_program(placement, weights, f, DEVICE)
    found = attribute(placement, f, f_res, weights, parts={"field": ("line_field",)}, device=DEVICE)
    a = float(line_field(Geometry(), Geometry().pitch_x))
    assert found.coherent_worst == pytest.approx(2 * abs(a) * np.ones((2, 1)), rel=1e-6)
    assert found.coherent_rms == pytest.approx(np.sqrt(2) * abs(a) * np.ones((2, 1)), rel=1e-6)
    assert found.one_frequency == pytest.approx(np.sqrt(2) * abs(a), rel=1e-6)  # all tones have one frequency


@pytest.fixture(scope="module")
def small():
    """Six chains of three, five inputs; placement, tones, weights, resonances."""
    table = [[j, j + 1, j + 2] for j in range(3)] * 2
    shared = np.repeat([[0, 1, 2], [3, 4, 5]], 3, 0)
    placement = place(wired_usage(table, shared), "planar")
    tones = np.geomspace(2e9, 8e9, placement.usage.tones)
    weights = np.array([0.5, -0.3, 0.2, 0.7, 0.1, -0.6]) * K
    return placement, tones, weights, strip_program(placement, weights, tones, DEVICE)


@pytest.mark.slow
def test_parts_and_interaction_are_the_whole_error(small):
    placement, tones, weights, f_res = small
    found = attribute(placement, tones, f_res, weights, device=DEVICE)
    middle = float(np.sqrt(tones[0] * tones[-1]))
    direct = strip_response(placement, extract_parasitics(placement, middle), f_res, tones, device=DEVICE)
    wanted = np.zeros((6, 5))
    usage = placement.usage
    wanted[usage.chain, usage.line] = weights[usage.weight]
    parts = found.spectral + found.delay + sum(part.alone for part in found.parts) + found.interaction
    assert np.abs(parts - (direct.weights - wanted) / found.scale).max() < 1e-9
    assert np.abs(found.spectral).max() < 1e-9  # each line drives its own resonators only
    even = found.uneven(-0.7 * found.wanted)
    assert np.abs(even).max() < 1e-12  # what is common to all weights is no error after the gain
    assert found.rms(found.uneven(found.total)) <= found.rms(found.total)
    assert found.rms(found.total) == pytest.approx(
        np.hypot(found.rms(found.total, True), found.rms(found.total, False))
    )


def test_one_part_has_no_interaction(small):
    placement, tones, weights, f_res = small
    found = attribute(placement, tones, f_res, weights, parts={"loss": PARTS["loss"]}, device=DEVICE)
    assert np.abs(found.parts[0].alone).max() > 1e-3
    assert np.abs(found.interaction).max() < 1e-12
    assert np.abs(found.parts[0].alone - found.parts[0].without).max() < 1e-12


@pytest.mark.parametrize("part", [("line_loss",), ("mismatch",)])
def test_linear_response_is_switching_for_small_magnitudes(part):
    gone = []
    for small_by in (1e-3, 2e-3):
        z0 = Geometry(resistivity=2.2e-8 * small_by, loss_tangent=1e-9)
        placement, tones, weights, f_res = two_chains(z0)
        middle = float(np.sqrt(tones[0] * tones[-1]))
        matched = extract_parasitics(placement, middle, ()).source
        g = replace(z0, source=matched * (1 + small_by), termination=matched * (1 + 3 * small_by))
        placement, tones, weights, f_res = two_chains(g)
        one = attribute(placement, tones, f_res, weights, parts={"part": part}, device=DEVICE).parts[0]
        gone.append(np.abs(one.alone - one.linear).max())
        assert gone[-1] < 0.02 * np.abs(one.linear).max()
    assert gone[1] / gone[0] == pytest.approx(4, rel=0.5)  # what linear response misses is of second order


@pytest.mark.slow
def test_pairs_are_sorted_and_those_of_brute_force(small):
    placement, tones, weights, f_res = small
    found = attribute(placement, tones, f_res, weights, most_pairs=30, device=DEVICE)
    middle = float(np.sqrt(tones[0] * tones[-1]))
    direct = strip_response(placement, extract_parasitics(placement, middle), f_res, tones, device=DEVICE)
    usage, every = placement.usage, []
    for n, line in enumerate(direct.lines):
        for r in range(len(usage.line)):
            if usage.line[r] != line:
                every.append((abs(direct.rectified[n, r]) / K, int(line), int(usage.chain[r]), int(usage.tap[r])))
    every.sort(reverse=True)
    levels = [pair.level for pair in found.pairs]
    assert levels == sorted(levels, reverse=True)
    assert levels == pytest.approx([20 * np.log10(size) for size, *_ in every[:30]], abs=1e-6)
    first = found.pairs[0]
    assert any((first.line, first.chain, first.tap) == where[1:] for where in every[:2])
    assert found.levels.max() == pytest.approx(levels[0])
    assert {pair.cause for pair in found.pairs} <= set(PARTS)


def test_neighbour_pairs_are_blamed_on_neighbours(small):
    placement, tones, weights, f_res = small
    parts = {name: PARTS[name] for name in ("neighbouring lines", "loss")}
    found = attribute(placement, tones, f_res, weights, parts=parts, device=DEVICE)
    assert {pair.cause for pair in found.pairs} == {"neighbouring lines"}


def test_ngspice_splits_alike():
    placement, tones, weights, f_res = two_chains()
    parts = {name: PARTS[name] for name in ("neighbouring lines", "sneak paths through chains")}
    ours, theirs = (
        attribute(placement, tones, f_res, weights, parts=parts, device=DEVICE, engine=engine, most_pairs=4)
        for engine in ("linear", "ngspice")
    )
    for a, b in zip(ours.parts, theirs.parts, strict=True):
        assert np.abs(a.alone).max() > 1e-5
        assert np.abs(a.alone - b.alone).max() < 1e-9
        assert np.abs(a.without - b.without).max() < 1e-9
        assert np.abs(a.linear - b.linear).max() < 1e-5 * max(np.abs(a.linear).max(), 1e-3)
    assert [p.line for p in ours.pairs] == [p.line for p in theirs.pairs]


@pytest.mark.parametrize("arrangement", ["planar", "stacked"])
def test_ladders_and_iteration_are_the_direct_solution(small_design, arrangement, monkeypatch):
    layer = small_design.plan.layer("conv1").layer
    placement = place(layer_usage(layer), arrangement)
    circuit = strip_circuit(placement, extract_parasitics(placement, 4e9), np.arange(8))
    lines, first = np.unique(circuit.line, return_index=True)
    tones, f = circuit.tone[first], np.geomspace(1e9, 20e9, 9)
    direct = linear_phasors(circuit, lines, tones, f, DEVICE)
    for steps in (80, 1):  # with one step the direct solution takes over
        monkeypatch.setattr(strip_sweep, "STEPS", steps)
        found = strip_sweep.swept_currents(circuit, lines, tones, f, DEVICE)
        assert np.abs(found - direct).max() < 1e-9 * np.abs(direct).max()


@pytest.fixture(scope="module")
def strips(small_design):
    """The small network's conv1 without and with all causes, in windows."""
    layer = small_design.plan.layer("conv1").layer
    placement = place(layer_usage(layer), "planar")
    f = np.geomspace(1e9, 20e9, 9)
    return {
        "ideal": solve_layer_windows(placement, layer, f, (), 9, 0),
        "whole": solve_layer_windows(placement, layer, f, ALL_CAUSES, 9, 3),
    }


def test_ideal_layer_holds_its_weights_and_its_logits(strips, small_design, small_images):
    weights = strip_weights(strips["ideal"], 0.8, ("coupled",))["coupled"]
    assert weights.rms() < 1e-9
    assert weights.failing == 0
    others = trained_weights(small_design.cnn)
    logits = forward(small_design, {**others, "conv1": weights}, small_images)
    software = propagate(small_design.cnn, small_images)
    assert np.abs(logits - software).max() < 1e-6 * np.abs(software).max()
    met = interfering(weights, strips["ideal"], seed=3)
    phases = forward(small_design, {**others, "conv1": met}, small_images)
    assert np.abs(phases - software).max() < 1e-6 * np.abs(software).max()  # nothing meets, so nothing interferes


def test_calibration_mends_own_weights_and_no_others(strips):
    made = strip_weights(strips["whole"], 0.8)
    assert made["calibrated"].failing == 0
    assert made["calibrated"].rms(False) < 1e-6
    assert made["calibrated"].fill < 0.8  # the weakest drive sets the scale of all
    assert made["coupled"].rms(False) > 1e-2
    assert made["shared"].rms(False) < made["coupled"].rms(False)
    foreign = [made[name].rms(True) for name in ("coupled", "shared", "calibrated")]
    assert min(foreign) > 0
    assert max(foreign) < 1e-3


def test_coherent_sums_are_the_weights_on_average(strips):
    strip = strips["whole"]
    weights = strip_weights(strip, 0.8, ("coupled",))["coupled"]
    rng = np.random.default_rng(4)
    count = len(strip.placement.usage.inputs)
    powers = np.repeat(rng.uniform(0, 1, (1, count)), 400, 0)
    sums = coherent_sums(strip, weights, powers, rng.uniform(0, 2 * np.pi, powers.shape))
    mean, spread = sums.mean(0), sums.std(0) / 20
    assert np.all(np.abs(mean - powers[0] @ weights.values.T) < 5 * spread + 1e-9)
    assert spread.max() > 1e-6


def test_windows_against_the_whole(small_design):
    layer = small_design.plan.layer("conv1").layer
    placement, f = place(layer_usage(layer), "planar"), np.geomspace(1e9, 20e9, 9)
    f_res, _ = layer_resonances(placement, layer, f, DEVICE, 0.8, "coupled")
    whole = strip_pass(placement, f)
    every = (whole.gains @ rectified(whole, f_res, DEVICE).T)[13]
    uses = np.isin(whole.lines, placement.usage.line[placement.usage.chain == 13])
    foreign = []
    for neighbours in (0, 1, 2):
        part = strip_pass(placement, f, ALL_CAUSES, [13], neighbours)
        ours = np.zeros(len(whole.lines))
        ours[np.searchsorted(whole.lines, part.lines)] = part.gains[0] @ rectified(part, f_res, DEVICE).T
        foreign.append(np.linalg.norm((ours - every)[~uses]) / np.linalg.norm(every[~uses]))
        assert np.abs(ours - every)[uses].max() < 0.01 * np.abs(every).max()
    assert foreign[0] > foreign[1] > foreign[2]
    assert foreign[2] < 0.25  # of 1e-4 of a weight; the rest comes through crossings far away


def test_bus_split_adds_up_and_ends_at_the_linear_engine(small_design):
    plan, entry = small_design.plan, small_design.plan.layer("dense1")
    program = small_design.program("formula").layer("dense1")
    found = attribute_bus(plan, entry, program)
    wanted = effective_weights(small_design, "dense1", "formula", engine=linear).error
    assert np.abs(found.total - wanted).max() < 1e-9
    assert np.abs(found.spectral).max() > 1e-3
    ideal = replace(plan, circuit=bus_circuit(plan.circuit, {}))
    bare = attribute_bus(ideal, entry, program)  # ideal bus: only the tails are left
    assert np.abs(bare.total - bare.spectral).max() < 1e-7
    large = max(found.parts, key=lambda part: np.abs(part.alone).max())
    assert large.name == "node capacitance"
    assert np.abs(large.linear).max() < 1e-3 * np.abs(large.alone).max()  # in quadrature: begins with the square


def test_what_is_not_possible(small):
    placement, tones, weights, f_res = small
    with pytest.raises(InputError, match="in two parts"):
        attribute(placement, tones, f_res, weights, parts={"a": ("line_loss",), "b": ("line_loss",)})
    with pytest.raises(InputError, match=f"cause {BASE[0]}"):
        attribute(placement, tones, f_res, weights, parts={"a": BASE})
    with pytest.raises(InputError, match="possible: chain_ground"):
        attribute(placement, tones, f_res, weights, parts={"a": ("rain",)})
    with pytest.raises(InputError, match="frequencies; possible: 3"):
        strip_pass(placement, tones[:2])
    with pytest.raises(InputError, match="part of its deck"):
        strip_pass(placement, tones, engine="ngspice")


@pytest.mark.slow
def test_the_command(small_design, small_images, build, tmp_path, resonet):
    labels = propagate(small_design.cnn, small_images).argmax(1)
    np.savez(tmp_path / "set.npz", images=small_images, labels=labels)
    told = resonet("sneak", build, "--layer", "conv1", "--chains", 3, "--data", tmp_path / "set.npz", "--json")
    assert told.code == 0, told.err
    shown = json.loads(told.out)
    assert [row["cause"] for row in shown["causes"]][2:-2] == list(PARTS)
    assert shown["whole"]["accuracy"]["software"] == 1
    assert shown["pairs"][0]["level"] >= shown["pairs"][1]["level"]
    assert (build / "report" / "sneak_conv1_planar.png").stat().st_size > 10_000
    table = resonet("sneak", build, "--layer", "dense1", "--feed", "bus")
    assert table.code == 0
    assert "node capacitance" in table.out
    for wrong, said in (
        (("--layer", "nine"), "no such weighted layer"),
        (("--layer", "conv1", "--chains", 999), "possible: 1 ... 36"),
        (("--layer", "conv1", "--arrangement", "round"), "possible: sequential"),
        (("--layer", "conv1", "--set", "device.damping=0.1"), "geometry.NAME"),
    ):
        assert said in complaint(resonet("sneak", build, *wrong))


def test_accuracy_needs_labels(strips, small_design, small_images):
    weights = strip_weights(strips["ideal"], 0.8, ("coupled",))["coupled"]
    empty = ImageSet("set.npz", small_images, np.empty(0, int))
    with pytest.raises(InputError, match="no labels"):
        accuracy(small_design, {"conv1": weights}, empty)


@pytest.mark.parametrize(("lines", "weak"), [(40, False), (40, True), (6, False)])
def test_interference_of_all_pairs_of_lines(lines, weak):
    rng = np.random.default_rng(5)
    i = rng.normal(size=(lines, 12)) + 1j * rng.normal(size=(lines, 12))
    if weak:  # each line nearly alone: the sum over resonators would have lost its digits
        i = np.where(np.arange(lines)[:, None] % 12 == np.arange(12), i, 1e-9 * i) * (np.arange(lines) < 12)[:, None]
    gain, real = np.where(np.arange(12) < 9, rng.normal(size=12), 0.0), rng.normal(size=12)
    form = (i * gain * real) @ i.conj().T
    wanted = np.sqrt((np.abs(form - np.diag(np.diag(form))) ** 2).sum())
    assert attribution._beating(i, gain, real) == pytest.approx(wanted, rel=1e-12)
