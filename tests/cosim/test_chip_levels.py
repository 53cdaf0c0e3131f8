"""Chips at every level of calibration: tuning, gains, shared lines, what an image takes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from resonet.core.errors import InputError
from resonet.cosim.calibration.chip_tuning import TuningOptions, _problems, tune_layer
from resonet.cosim.chips.weights import chip_engine, chip_weights
from resonet.cosim.crossbar.crossbar import crossbar_weights, fabricated_crossbars
from resonet.cosim.montecarlo.copies import copies_of
from resonet.cosim.montecarlo.levels import chip_levels
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.power import drawn
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.models.resonator.chain import chain_answers
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler, sampled_chip
from resonet.netlist.programming.methods import Program

SPREAD = SpreadOptions(f_res=0.003, damping=0.05, resistance=0.05, magnetoresistance=0.05)


# Tuning


def tuned(design, chip, name, **how):
    entry, start = design.plan.layer(name), design.program("coupled").layer(name)
    return tune_layer(design.plan, entry, start, chip, chip_engine(chip), TuningOptions(**how))


def test_a_chip_within_reach_holds_its_weights(small_design):
    chip = sampled_chip(small_design, SPREAD, 1, 0)
    layers = [tuned(small_design, chip, entry.layer.name) for entry in small_design.plan.layers]
    held = chip_weights(small_design, Program("calibrated", tuple(one.program for one in layers)), chip, tuned=True)
    assert max(np.abs(one.error).max() for one in held.values()) < 1e-5
    assert all(one.at_end == 0 for one in layers)
    before = chip_weights(small_design, "coupled", chip)
    assert min(one.rms_error for one in before.values()) > 0.1


def test_no_resonator_is_tuned_beyond_its_range(small_design):
    spread, reach = SpreadOptions(f_res=0.02), 1.5
    chip = sampled_chip(small_design, spread, 1, 3)
    damping = small_design.plan.device.damping
    for entry in small_design.plan.layers:
        found = tuned(small_design, chip, entry.layer.name, reach=reach)
        v = [
            (bus.frequencies * chip.layer(entry.layer.name).of_bus("f_res", n) / f - 1) / damping
            for n, (bus, f) in enumerate(zip(entry.buses, found.program.f_res, strict=True))
        ]
        largest = max(np.abs(one).max() for one in v)
        assert largest == pytest.approx(reach, abs=1e-6)
        assert found.at_end == sum(int((np.abs(one) > reach - 1e-6).sum()) for one in v)


def test_clipped_chains_end_where_the_bounded_solver_of_somebody_else_does(small_design):
    """scipy's bounded least squares of the same answers, chain by chain, from the same detunings."""
    chip = sampled_chip(small_design, SpreadOptions(f_res=0.02, damping=0.1, magnetoresistance=0.1), 1, 0)
    entry, start = small_design.plan.layer("conv1"), small_design.program("coupled").layer("conv1")
    plan, ones = small_design.plan, np.ones(entry.layer.matrix.shape[:2])
    (problem,) = _problems(plan, entry, start, chip, chip_engine(chip), ones, 1.5)
    begin = np.clip((entry.buses[0].frequencies / start.f_res[0] - 1) / 0.01, problem.low, problem.high)
    rows = np.arange(len(begin))
    found, _, squares = problem.solve(begin, rows)
    clipped = (found <= problem.low) | (found >= problem.high)
    assert clipped.any(1).all()  # every chain has a resonator at an end
    for j in rows:

        def off(u, j=j):
            every = found.copy()
            every[j] = u
            return (chain_answers(every, problem.chains) - problem.target)[j]

        ends = problem.low[j] - 1e-9, problem.high[j] + 1e-9
        theirs = least_squares(off, begin[j], bounds=ends, x_scale=0.1)
        assert squares[j] == pytest.approx(2 * theirs.cost, rel=1e-3)


def test_a_dac_has_levels_only(small_design):
    chip, bits, reach = sampled_chip(small_design, SPREAD, 1, 1), 5, 3.0
    found = tuned(small_design, chip, "conv1", bits=bits, reach=reach)
    entry, damping = small_design.plan.layer("conv1"), small_design.plan.device.damping
    bus, f = entry.buses[0], found.program.f_res[0] / chip.layer("conv1").of_bus("f_res", 0)
    low, high = bus.frequencies / (1 + damping * reach), bus.frequencies / (1 - damping * reach)
    code = (f - low) / (high - low) * (2**bits - 1)
    assert code == pytest.approx(np.rint(code), abs=1e-6)
    free = tuned(small_design, chip, "conv1", reach=reach)
    finer = tuned(small_design, chip, "conv1", bits=10, reach=reach)
    assert free.program.residual < finer.program.residual < found.program.residual


def test_a_range_beyond_all_frequencies_is_refused(small_design):
    chip = sampled_chip(small_design, SPREAD, 1, 0)
    with pytest.raises(InputError, match="below 100"):
        tuned(small_design, chip, "conv1", reach=200.0)


# Levels


def test_a_gain_is_least_squares_and_leaves_volts_as_they_are(small_design):
    found = chip_levels(small_design, "coupled", sampled_chip(small_design, SPREAD, 1, 0), ("programmed", "gain"))
    first, after = found["programmed"], found["gain"]
    for name, held in after.held.items():
        best, *_ = np.linalg.lstsq(first.held[name].values.reshape(-1, 1), held.trained.ravel(), rcond=None)
        assert after.gains[name] == pytest.approx(best[0], rel=1e-12)
        volts = [
            one.held[name].values * one.design.program("coupled").layer(name).weight_scale for one in (first, after)
        ]
        assert volts[0] == pytest.approx(volts[1], rel=1e-12)


def test_calibration_makes_up_for_the_gains_of_neurons_and_trims_offsets(small_design):
    spread = SpreadOptions(f_res=0.002, gain=0.05, offset=1e-7)
    found = chip_levels(small_design, "coupled", sampled_chip(small_design, spread, 1, 0))
    assert all(held.shift is not None for held in found["programmed"].held.values())
    assert all(held.shift is None and held.rms_error < 1e-5 for held in found["calibrated"].held.values())


def test_lines_are_set_so_that_the_mean_frequency_of_theirs_is_right(small_design):
    spread, entry = SpreadOptions(f_res=0.002), small_design.plan.layer("conv1")
    scale = small_design.program("coupled").layer("conv1").weight_scale
    copies = copies_of(small_design, entry, scale, ChipSampler(small_design, spread, 1))
    chips = copies.chips(0)
    lines, damping = copies.lines(chips, TuningOptions(4.0)), small_design.plan.device.damping
    phase = copies.colouring.phase
    for p in np.unique(phase):
        e = np.mean([chips[n].layer("conv1").of_bus("f_res", 0) for n in np.flatnonzero(phase == p)], axis=0)
        bus, u = copies.entries[p].buses[0], copies.detunings[p][0]
        mean = e * bus.frequencies / (1 + damping * lines[p][0])
        assert mean == pytest.approx(bus.frequencies / (1 + damping * u), rel=1e-12)


def test_copies_without_spread_hold_what_one_copy_holds(small_design):
    entry, scale = small_design.plan.layer("conv1"), small_design.program("coupled").layer("conv1").weight_scale
    copies = copies_of(small_design, entry, scale, ChipSampler(small_design, SpreadOptions(f_res=1e-12), 1))
    held, one = (
        copies.weights(copies.chips(0), copies.detunings),
        chip_weights(small_design, "coupled", sampled_chip(small_design, SpreadOptions(f_res=1e-12), 1, 0))["conv1"],
    )
    assert len(copies.colouring.phase) == entry.layer.positions
    assert held.values[:, copies.colouring.phase == 0] == pytest.approx(one.values[:, None], rel=1e-6, abs=1e-7)
    assert held.rms_error < 0.05


def test_latency_and_energy_of_a_chip(small_design, small_images):
    nominal = sampled_chip(small_design, SpreadOptions(f_res=1e-12), 1, 0)
    assert latency(small_design, nominal) == latency(small_design)
    slow = sampled_chip(small_design, SpreadOptions(damping=0.2, resistance=0.2), 1, 0)
    assert latency(small_design, slow).parallel > latency(small_design).parallel
    assert drawn(small_design, small_images, nominal).slope == pytest.approx(drawn(small_design, small_images).slope)
    loud = replace(nominal, layers={
        name: replace(one, tones={"tone_level": np.full((1, small_design.plan.layer(name).layer.taps), 1.5)})
        for name, one in nominal.layers.items()
    })  # fmt: skip
    plain = drawn(small_design, small_images)
    assert drawn(small_design, small_images, loud).slope == pytest.approx(1.5 * plain.slope, rel=1e-12)


def test_crossbars_of_a_chip_have_the_spread_of_first_order(small_design):
    nominal = {"conv1": crossbar_weights(small_design, "conv1", CrossbarArray(), "compensated")}
    off = [
        fabricated_crossbars(nominal, 1e-3, seed)["conv1"].values - nominal["conv1"].values for seed in range(1, 400)
    ]
    expected = 1e-3 * np.sqrt((nominal["conv1"].spread ** 2).mean())
    assert np.sqrt(np.mean(np.array(off) ** 2)) == pytest.approx(expected, rel=0.05)
