"""Compiled parts of the linear engine against slow and plain ways to the same."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.cosim.strip import tree_solver as strip_sweep
from resonet.cosim.strip import trees as strip_trees
from resonet.cosim.strip.direct import linear_phasors
from resonet.cosim.strip.forest import (
    COLUMNS,
    clear_trees,
    driven_trees,
    factor_forest,
    grow_forest,
    near_together,
    sweep_forest,
)
from resonet.cosim.strip.passes import layer_resonances, rectified, strip_answers, strip_pass
from resonet.cosim.strip.stream import stream_windows, streamed_weights
from resonet.cosim.strip.tree_solver import EXACT, STREAMED
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid, plan
from resonet.netlist.programming.methods import program
from resonet.netlist.strip import ends as strip_ends
from resonet.netlist.strip.circuit import strip_circuit
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.usage import layer_usage
from resonet.netlist.strip.wiring import _plan, crossings, line_pieces, members, neighbour_chains

DEVICE = SpinDiode()


def laid_out(arrangement, outputs=2, positions=3):
    size, weights = positions + 2, np.random.default_rng(3).uniform(-1, 1, (outputs, 2, 3, 3))
    layer = Synapses(
        "conv", "", "conv", weights, np.zeros(outputs), (2, size, size), (outputs, positions, positions), (1, 1)
    )
    placement = place(layer_usage(layer), arrangement)
    return layer, placement, channel_grid(placement.usage.tones, PlanOptions())


def test_a_ring_is_no_forest():
    assert grow_forest(np.array([0, 1, 2]), np.array([1, 2, 0]), 4) is None


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "tolerance", "off"), [("float64", 1e-15, 1e-13), ("float32", 1e-6, 2e-6)])
@pytest.mark.parametrize("turned", [False, True])
def test_forest_solves_a_coupled_system(kind, tolerance, off, turned):
    rng = np.random.default_rng(1)
    parent = np.array([0, 0, 1, 1, 4, 4, 5])  # two trees
    child = np.array([1, 2, 3, 5, 6])
    forest = grow_forest(child, parent[child], 7)
    if turned:
        forest = near_together(forest, np.array([0]), np.array([4]), np.arange(7) == 5)
        assert forest.tree[forest.place].tolist() == [1, 1, 1, 1, 0, 0, 0]
    edges, tone = rng.uniform(-1, 1, len(child)), rng.integers(0, 3, COLUMNS)
    w = np.array([1.0, 1.7, 3.0])
    diagonal = rng.uniform(3, 5, (3, 7)) + 1j * rng.uniform(3, 5, (3, 7))
    i, j, farad = np.array([0, 3, 2]), np.array([4, 6, 3]), np.array([0.02, 0.03, 0.05])  # the last within a tree
    places = np.zeros((7, 7))
    places[forest.place[i], forest.place[j]] = places[forest.place[j], forest.place[i]] = farad
    s = strip_trees._rows(forest.place[i], forest.place[j], farad, 7)
    none = strip_trees._rows(np.empty(0, int), np.empty(0, int), np.empty(0), 7)
    edge = np.where(forest.edge >= 0, edges[forest.edge], 0)
    factors = diagonal.copy()
    factor_forest(forest.parent, edge, factors)
    inverse = np.ascontiguousarray(factors.T, np.result_type(kind, np.complex64))
    drive = np.array([2, 5]), np.array([0, COLUMNS - 1]), np.array([1 + 2j, 0.5j])
    near = strip_trees._near(forest, np.ones(7), s, none)
    trees = forest.parent, edge.astype(kind), forest.start
    rows, more = ((*m[:2], m[2].astype(kind)) for m in (s, none))
    each = w[tone].astype(kind)
    x, solved = np.zeros((7, 2 * COLUMNS), kind), np.zeros(len(forest.start) - 1, bool)
    sweeps = sweep_forest(*trees, near, inverse, tone, each, rows, more, drive, tolerance, 80, x, solved)
    exact = driven_trees(*trees, forest.tree, factors, tone, each, rows, more, drive, x)
    assert sweeps > 1
    for column in range(COLUMNS):
        full = np.diag(diagonal[tone[column]]) - 1j * w[tone[column]] * places
        for k, up in enumerate(forest.parent):
            if up >= 0:
                full[k, up] += edge[k]
                full[up, k] += edge[k]
        right = np.zeros(7, complex)
        right[drive[0][drive[1] == column]] = drive[2][drive[1] == column]
        wanted, own = np.linalg.solve(full, right), exact[1] == column
        np.testing.assert_allclose(x[:, column] + 1j * x[:, COLUMNS + column], wanted, atol=off * np.abs(wanted).max())
        np.testing.assert_allclose(exact[2][own], wanted[exact[0][own]], atol=off / 10 * np.abs(wanted).max())
        assert own.any() == (column in (0, COLUMNS - 1))
    clear_trees(forest.start, solved, x)
    assert not x.any()


@pytest.mark.parametrize("arrangement", ["planar", "stacked"])
def test_sweeps_are_the_direct_solution(arrangement):
    _, placement, f = laid_out(arrangement)
    circuit = strip_circuit(placement, extract_parasitics(placement, 4.5e9))
    lines, first = np.unique(circuit.line, return_index=True)
    tones = circuit.tone[first]
    assert len(lines) % COLUMNS  # a block that is not full
    assert len(lines) > COLUMNS
    direct = linear_phasors(circuit, lines, tones, f, DEVICE)
    swept = strip_sweep.swept_currents(circuit, lines, tones, f, DEVICE)
    largest = np.maximum.reduceat(np.abs(direct).max(0), np.searchsorted(circuit.chain, np.arange(len(circuit.chains))))
    assert (np.abs(swept - direct) <= 1e-9 * largest[circuit.chain]).all()


def test_chains_stay_with_a_rail_of_high_impedance():
    _, placement, f = laid_out("planar")
    circuit = strip_circuit(
        placement, extract_parasitics(placement, 4.5e9), neighbour_chains(placement, np.arange(3), 1)
    )
    lines, first = np.unique(circuit.line, return_index=True)
    rail = np.arange(len(circuit.branches.r)) >= len(circuit.head) + len(circuit.pieces.source)
    assert rail.any()
    together = []
    for factor in (1, 1e6):
        high = replace(circuit, branches=replace(circuit.branches, r=circuit.branches.r * np.where(rail, factor, 1)))
        forest = strip_trees.grow_trees(high, DEVICE.resistance).forest
        together.append(forest.tree[forest.place[high.head[0] - 1]] == forest.tree[forest.place[high.foot.max() - 1]])
        swept = strip_sweep.swept_currents(high, lines[:3], circuit.tone[first][:3], f, DEVICE)
        direct = linear_phasors(high, lines[:3], circuit.tone[first][:3], f, DEVICE)
        np.testing.assert_allclose(swept, direct, atol=1e-9 * np.abs(direct).max())
    assert together == [False, True]


def test_without_convergence_the_solution_is_direct(monkeypatch):
    _, placement, f = laid_out("planar", 1)
    circuit = strip_circuit(placement, extract_parasitics(placement, 4.5e9))
    lines, first = np.unique(circuit.line, return_index=True)
    monkeypatch.setattr(strip_sweep, "STEPS", 2)
    swept = strip_sweep.swept_currents(circuit, lines[:3], circuit.tone[first][:3], f, DEVICE)
    direct = linear_phasors(circuit, lines[:3], circuit.tone[first][:3], f, DEVICE)
    np.testing.assert_allclose(swept, direct, atol=1e-11 * np.abs(direct).max())


def test_crossings_are_those_of_all_pairs():
    _, placement, _ = laid_out("planar", 1)
    _, inside = members(placement, None)
    pieces, count = line_pieces(placement, inside), len(inside)
    (link, part, other, share), _ = crossings(placement, inside, pieces, True, False)
    start, end = _plan(placement, inside, pieces)
    line = placement.usage.line[inside]
    owner, wanted = np.concatenate([line, line[pieces.source]]), set()
    for i in count + np.flatnonzero(pieces.bridge):
        for j in range(len(start)):
            matrix = np.stack([end[i] - start[i], start[j] - end[j]], 1)
            if (
                owner[i] == owner[j]
                or np.linalg.det(matrix) == 0
                or (j >= count and pieces.bridge[j - count] and j < i)
            ):
                continue
            at = np.linalg.solve(matrix, start[j] - start[i])
            if (at > 1e-9).all() and (at < 1 - 1e-9).all():
                wanted.add((i - count, j))
    clear = (np.minimum(part, share) > 1e-9) & (np.maximum(part, share) < 1 - 1e-9)
    assert len(wanted) > 50
    assert set(zip(link[clear].tolist(), other[clear].tolist(), strict=True)) == wanted


def test_streamed_weights_are_those_of_the_passes():
    layer, placement, f = laid_out("planar")
    f_res, _ = layer_resonances(placement, layer, f, DEVICE, 0.9, "coupled")
    windows, neighbours = stream_windows(placement)
    found = list(streamed_weights(placement, f, f_res, accuracy=EXACT))
    assert [len(chains) for chains, _, _ in found] == [9, 9] == [len(w) for w in windows]
    one = strip_pass(placement, f, window=windows[1], neighbours=neighbours)
    i, own = one.current, one.circuit.resonators
    chi = 1 / (1 - (f[one.tones][:, None] / f_res[own]) ** 2 + 2j * DEVICE.damping * f[one.tones][:, None] / f_res[own])
    volts = 0.5 * DEVICE.transduction * (i * (chi * i).conj()).real
    np.testing.assert_allclose(rectified(one, f_res, DEVICE), volts, atol=1e-9 * np.abs(volts).max())
    np.testing.assert_allclose(found[1][2], one.gains @ volts.T, atol=1e-9 * np.abs(volts).max())
    for (_, _, exact), (_, _, single) in zip(found, streamed_weights(placement, f, f_res), strict=True):
        assert np.abs(exact - single).max() > 0
        np.testing.assert_allclose(single, exact, atol=1e-6 * np.abs(exact).max(1).min())


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_coarse_accuracy_is_kept(kind):
    _, placement, f = laid_out("planar")
    circuit = strip_circuit(placement, extract_parasitics(placement, 4.5e9))
    lines, first = np.unique(circuit.line, return_index=True)
    tones = circuit.tone[first]
    direct = linear_phasors(circuit, lines, tones, f, DEVICE)
    largest = np.maximum.reduceat(np.abs(direct).max(0), np.searchsorted(circuit.chain, np.arange(len(circuit.chains))))
    for which, currents in strip_sweep.swept_batches(circuit, lines, tones, f, DEVICE, replace(STREAMED, kind=kind)):
        assert (np.abs(currents() - direct[which]) <= 1e-6 * largest[circuit.chain]).all()


def test_ends_of_a_window_at_all_tones_at_once():
    _, placement, f = laid_out("planar", 2)
    par, chains = extract_parasitics(placement, 4.5e9), np.unique(placement.usage.chain)
    window = strip_circuit(placement, par, chains[len(chains) // 3 : len(chains) // 3 + 2])
    assert 0 < len(np.unique(window.line)) < len(placement.lines.start) - 1  # of other lines nobody asks
    ends = strip_ends.ends_of(window, f)
    for tone in f:
        for one, other in zip(ends(window, float(tone)), strip_ends.cut_ends(window, float(tone)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_lines_that_go_the_same_way_are_followed_once(monkeypatch):
    """Against every line followed for itself; and what makes a line differ makes it a line of its own."""
    _, placement, f = laid_out("planar", 5, 2)
    par, runs = extract_parasitics(placement, 4.5e9), placement.lines
    places = strip_ends.places_of_alike(placement, True)
    leaders = np.unique(np.searchsorted(runs.start, places, side="right"))
    assert 1 < len(leaders) < len(runs.counts) / 2
    assert (np.isclose(runs.gap[places[runs.order]], runs.gap)).all()
    once = strip_ends.ends_at(placement, par, f, True)
    longer = runs.gap.copy()
    longer[runs.start[-2] + 1] *= 1.001  # of the last line, which is not the first of its kind
    changed = replace(placement, lines=replace(runs, gap=longer))
    last = runs.order[runs.start[-2] :]
    here, alone = (strip_ends.places_of_alike(which, False)[last] for which in (placement, changed))
    assert here[0] < runs.start[-2] == alone[0]
    own = np.empty_like(places)
    own[runs.order] = np.arange(len(own))
    monkeypatch.setattr(strip_ends, "places_of_alike", lambda *_: own)
    every = strip_ends.ends_at(placement, par, f, True)
    for one, other in ((every.emf, once.emf), (every.before, once.before), (every.after, once.after)):
        np.testing.assert_allclose(other, one, rtol=1e-9)


@pytest.mark.parametrize("engine", ["linear", "ngspice"])
def test_answers_of_a_window_are_those_of_its_pass(engine):
    layer, placement, f = laid_out("planar", 2, 1)
    f_res, _ = layer_resonances(placement, layer, f, DEVICE, 0.9, "coupled")
    one = strip_pass(placement, f, window=[0], neighbours=1, engine=engine, f_res=f_res)
    volts, at = rectified(one, f_res, DEVICE), (np.array([7, 0, 7, 11]), np.array([3, 17, 0, 5]))
    weights, found = strip_answers(placement, f, f_res, window=[0], neighbours=1, engine=engine, at=at)
    np.testing.assert_allclose(weights, one.gains @ volts.T, rtol=1e-12, atol=1e-15 * np.abs(volts).max())
    np.testing.assert_allclose(found, volts[at], rtol=1e-12)


def test_ends_of_cut_lines_are_those_of_the_whole_line():
    """Cascade of ABCD matrices of all sections, one line and one resonator at a time."""
    _, placement, f = laid_out("planar", 1)
    par = extract_parasitics(placement, 4.5e9)
    run, ends = strip_ends._sections(placement, par, True), strip_ends.ends_at(placement, par, f[:2], True)
    w = 2 * np.pi * f[1]

    def section(part):
        z, y = part[0] + 1j * w * part[1], (part[2] + 1j * w * part[3]) / 2
        return np.array([[1, 0], [y, 1]]) @ np.array([[1, z], [0, 1]]) @ np.array([[1, 0], [y, 1]])

    begin, stop = placement.lines.start[2:4]
    for n in range(begin, stop):
        abcd = np.eye(2)
        for k in range(begin, n):
            abcd = abcd @ section(run.link[:, k]) @ section(run.stub[:, k])
        (a, b), (c, d) = abcd @ section(run.link[:, n])
        behind = np.eye(2)
        for k in range(n + 1, stop):
            behind = behind @ section(run.link[:, k]) @ section(run.stub[:, k])
        volt, ampere = behind @ section(run.tail) @ [par.termination, 1]
        at = placement.lines.order[n]
        assert ends.emf[1, at] == pytest.approx(1 / (a + c * par.source), rel=1e-12)
        assert ends.before[1, at] == pytest.approx((b + d * par.source) / (a + c * par.source), rel=1e-12)
        assert ends.after[1, at] == pytest.approx(ampere / volt, rel=1e-12)


def test_bus_answers_are_those_of_the_phasors():
    weight = np.random.default_rng(2).normal(size=(40, 70, 1, 1))
    layer = Synapses("dense", "", "dense", weight, np.zeros(40), (70, 1, 1), (40, 1, 1), (1, 1))
    cnn = Cnn("random", "", (70, 1, 1), (layer,))
    planned = plan(cnn)
    design = Design(cnn, read_parameters(), planned, {"formula": program(planned, "formula")}, {}, "")
    ours = effective_weights(design, "dense", "formula", engine=linear)
    theirs = effective_weights(design, "dense", "formula", engine=Engine("phasors", linear.passes))
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-13 * np.abs(theirs.values).max())
    for bus, matrix in theirs.crosstalk.items():
        np.testing.assert_allclose(ours.crosstalk[bus], matrix, rtol=1e-11)
    assert ours.worst.level == pytest.approx(theirs.worst.level, abs=1e-9)
