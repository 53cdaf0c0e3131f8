"""Chips of a design: intervals and distributions, tuning within a range, levels, runs that go on, the command."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import least_squares
from scipy.special import betaincinv
from scipy.stats import norm

from resonet.core.errors import InputError
from resonet.cosim.calibration.chip_tuning import TuningOptions, _problems, tune_layer
from resonet.cosim.chips.weights import chip_engine, chip_weights
from resonet.cosim.crossbar.crossbar import crossbar_weights, fabricated_crossbars
from resonet.cosim.montecarlo.copies import copies_of
from resonet.cosim.montecarlo.findings import findings
from resonet.cosim.montecarlo.levels import LEVELS, chip_levels
from resonet.cosim.montecarlo.limits import Limit, limits_of, parse_limit
from resonet.cosim.montecarlo.run import MonteCarlo, measure_chip, montecarlo_from_table, montecarlo_key, run_montecarlo
from resonet.cosim.montecarlo.statistics import distribution, settling, summary
from resonet.cosim.montecarlo.table import montecarlo_dataset, write_montecarlo
from resonet.cosim.montecarlo.yields import clopper_pearson, wilson, yield_of
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.power import drawn
from resonet.cosim.sweep.journal import read_journal
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.models.resonator.chain import chain_answers
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler, sampled_chip
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.specification import Specification
from resonet.netlist.programming.methods import Program
from resonet.sparams.extract import extract
from resonet.sparams.fan import chip_chain, chip_fan, fan_of
from resonet.sparams.window import design_block

SPREAD = SpreadOptions(f_res=0.003, damping=0.05, resistance=0.05, magnetoresistance=0.05)


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_model, small_design) -> Path:
    folder = tmp_path_factory.mktemp("chips") / "design"
    write_design(small_design, small_model, folder)
    return folder


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, small_images) -> str:
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(path, images=small_images, labels=np.arange(len(small_images)) % 3)
    return str(path)


# Yields and distributions


@pytest.mark.parametrize(("passed", "count"), [(0, 10), (7, 10), (195, 200), (200, 200)])
def test_intervals_are_those_of_their_equations(passed, count):
    exact, short = clopper_pearson(passed, count, 0.9), wilson(passed, count, 0.9)
    low = 0.0 if passed == 0 else betaincinv(passed, count - passed + 1, 0.05)
    high = 1.0 if passed == count else betaincinv(passed + 1, count - passed, 0.95)
    assert (exact.low, exact.high) == pytest.approx((low, high), abs=1e-9)
    z = norm.ppf(0.95)
    for end in (short.low, short.high):  # |x/n - p| = z sqrt(p (1 - p) / n) at both ends
        assert abs(passed / count - end) == pytest.approx(z * np.sqrt(end * (1 - end) / count), abs=1e-9)


def test_clopper_pearson_covers():
    rng, count, share = np.random.default_rng(3), 40, 0.93
    ends = [clopper_pearson(k, count) for k in range(count + 1)]
    drawn_ = (rng.random((4000, count)) < share).sum(1)
    inside = np.mean([ends[k].low <= share <= ends[k].high for k in drawn_])
    assert inside >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_no_chips_have_no_yield():
    with pytest.raises(InputError, match="one chip or more"):
        yield_of(np.zeros(0, bool))
    with pytest.raises(InputError, match="between 0 and 1"):
        clopper_pearson(1, 2, 1.5)


def test_summary_and_distribution():
    values = np.array([3.0, 1.0, np.nan, 2.0, 2.0, 7.0])
    found = summary(values)
    assert (found.chips, found.least, found.median, found.mean, found.most) == (5, 1.0, 2.0, 3.0, 7.0)
    assert found.spread == pytest.approx(np.sqrt((0 + 4 + 1 + 1 + 16) / 4))
    curve = distribution(values)
    assert curve.values.tolist() == [1, 2, 2, 3, 7]
    assert curve.share == pytest.approx([0.2, 0.6, 0.6, 0.8, 1.0])
    off = np.sqrt(np.log(2 / 0.05) / 10)
    assert curve.high == pytest.approx(np.minimum(curve.share + off, 1))
    with pytest.raises(InputError, match="no chip"):
        summary(np.array([np.nan]))


def test_the_band_holds_the_whole_curve():
    rng, misses = np.random.default_rng(4), 0
    for _ in range(400):
        found = distribution(rng.random(50), 0.8)
        low, high = found.share - 1 / 50, found.share
        off = max(np.abs(found.values - low).max(), np.abs(found.values - high).max())
        misses += off > np.sqrt(np.log(2 / 0.2) / 100)
    assert misses / 400 <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 400)


def test_the_mean_settles():
    values = np.random.default_rng(5).normal(1e6, 1, 300)
    found = settling(values)
    assert found.mean[-1] == pytest.approx(values.mean(), rel=1e-14)
    assert found.error[-1] == pytest.approx(values.std(ddof=1) / np.sqrt(300), rel=1e-6)
    assert found.error[98] == pytest.approx(values[:100].std(ddof=1) / 10, rel=1e-6)


def test_limits_from_text():
    assert parse_limit("accuracy >= 98 %") == Limit("accuracy", ">=", 0.98)
    assert parse_limit("latency<=20 us") == Limit("latency", "<=", 20e-6)
    assert parse_limit("crosstalk <= -20 dB").text == "crosstalk <= -20 dB"
    found = limits_of(
        Specification(accuracy=0.9, weight_error=0.05), ["accuracy >= 95 %"], ("accuracy", "weight_error")
    )
    assert [limit.text for limit in found] == ["accuracy >= 95 %", "weight_error <= 5 %"]
    assert parse_limit("weight_error <= 5 %").passes(np.array([0.04, 0.05, np.nan])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("accuracy", "NAME >= VALUE"),
        ("beauty >= 1", "accuracy >="),
        ("accuracy <= 98 %", "passes with accuracy >= VALUE"),
        ("accuracy >= 98 V", "it has no unit"),
        ("accuracy >= 120 %", "0 ... 100 %"),
        ("latency <= 20 apples", "the unit is s"),
    ],
)
def test_limits_that_are_none(text, words):
    with pytest.raises(InputError) as caught:
        parse_limit(text)
    assert words in str(caught.value)


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


# Runs


def values(found):
    return {number: outcome.values for number, outcome in found[1].items()}


def test_a_run_is_the_same_by_any_workers_and_goes_on(built, labelled, tmp_path):
    run = MonteCarlo(str(built), SPREAD, 5, data=labelled)
    whole = values(run_montecarlo(run, tmp_path / "a", jobs=1))
    assert values(run_montecarlo(run, tmp_path / "b", jobs=2)) == whole
    run_montecarlo(replace(run, samples=2), tmp_path / "c", jobs=1)
    path, outcomes = run_montecarlo(run, tmp_path / "c", jobs=1)
    assert values((path, outcomes)) == whole
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert sorted(line["start"] for line in lines if "start" in line) == [0, 1, 2, 3, 4]  # none twice
    assert len(run_montecarlo(replace(run, samples=3), tmp_path / "c", jobs=1)[1]) == 3
    assert montecarlo_from_table(read_journal(path)[0]) == replace(run, samples=2)
    with pytest.raises(InputError, match="files or code differ"):
        measure_chip(run, "0" * 16, 0)
    assert montecarlo_key(replace(run, seed=2)) != montecarlo_key(run)


def test_what_a_run_finds(built, labelled, tmp_path):
    run = MonteCarlo(str(built), SPREAD, 6, data=labelled)
    path, outcomes = run_montecarlo(run, tmp_path, jobs=1)
    limits = [Limit("weight_error", "<=", 0.05)]
    found = findings(run, outcomes, limits)
    assert found.yields["programmed"].passed == 0
    assert found.yields["calibrated"].passed == 6
    rows = {(row.quantity, row.level): row for row in found.rows}
    assert rows["weight_error", "calibrated"].verdict == "pass"
    assert rows["weight_error", "programmed"].verdict == "FAIL"
    assert rows["latency", ""].summary.least > 0
    paths = write_montecarlo(montecarlo_dataset(run, outcomes), path)
    with xr.open_dataset(paths[0], engine="scipy") as data:
        assert data["accuracy"].dims == ("chip", "level")
        assert data["level"].values.tolist() == list(LEVELS)
        assert data["weight_error"].values[:, 2] == pytest.approx(found.values["weight_error", "calibrated"], rel=1e-15)
    with paths[1].open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["weight_error_gain"]) for row in table] == found.values["weight_error", "gain"].tolist()


def test_runs_that_make_no_sense(built, labelled):
    with pytest.raises(InputError, match="--data"):
        MonteCarlo(str(built), SPREAD, noise=True)
    with pytest.raises(InputError, match="saturating resonators know spreads of"):
        MonteCarlo(str(built), SPREAD, data=labelled, resonators="saturating")
    with pytest.raises(InputError, match="positions are drawn by themselves"):
        MonteCarlo(str(built), SpreadOptions(f_res=0.01, chip=0.5), data=labelled, shared=True)


def test_noise_and_saturation(built, labelled):
    run = MonteCarlo(str(built), SpreadOptions(f_res=0.002), 1, data=labelled, noise=True, resonators="saturating")
    found = measure_chip(run, montecarlo_key(run), 0)
    assert set(found["noisy"]) == set(found["accuracy"]) == set(LEVELS)


def test_noise_leaves_what_neurons_add(small_design):
    chip = sampled_chip(small_design, SpreadOptions(offset=1e-6), 1, 0)
    held = chip_weights(small_design, "coupled", chip)
    noisy = noisy_weights(small_design, held)
    assert all(np.array_equal(noisy[name].shift, one.shift) for name, one in held.items())


# S-parameters


def test_the_chain_of_a_nominal_chip_is_that_of_the_design(small_design):
    of, chip = fan_of(small_design, "conv1"), sampled_chip(small_design, SpreadOptions(f_res=1e-15), 1, 0)
    f, f_res = np.linspace(1e9, 6e9, 50), small_design.program("coupled").layer("conv1").f_res[0][0]
    bias = 0.5 * small_design.plan.device.threshold_current
    ours = extract(chip_chain(small_design, chip, of, f_res, bias), f).s
    assert ours == pytest.approx(extract(design_block(small_design, "conv1", "coupled", bias=bias), f).s, abs=1e-12)


def test_the_chain_of_a_chip_by_ngspice(small_design):
    of, chip = fan_of(small_design, "conv1"), sampled_chip(small_design, replace(SPREAD, node_capacitance=0.2), 1, 0)
    f_res = chip.fabricated(small_design.program("coupled")).layer("conv1").f_res[0][0]
    block = chip_chain(small_design, chip, of, f_res, 0.5 * small_design.plan.device.threshold_current)
    f = np.linspace(1e9, 6e9, 20)
    assert extract(block, f).s == pytest.approx(extract(block, f, "ngspice").s, abs=1e-9)


def test_fans(small_design):
    fans = chip_fan(
        small_design, "coupled", ChipSampler(small_design, SPREAD, 1), range(3), fan_of(small_design, "conv1")
    )
    assert set(fans) == {"programmed", "calibrated"}
    assert fans["programmed"].s21.shape == (3, len(fans["programmed"].f))
    assert np.all(np.diff(fans["calibrated"].percentiles(), axis=0) >= 0)
    with pytest.raises(InputError, match="chain 0"):
        fan_of(small_design, "conv1:t0:99")


# The command


def test_the_command(built, labelled, resonet, tmp_path):
    words = ["montecarlo", str(built), "--samples", "4", "--spread", "f_res=0.3 %", "--data", labelled, "--jobs", "1"]
    words += ["--spec", "weight_error <= 5 %", "-o", str(tmp_path), "--sparams", "conv1"]
    told = resonet(*words)
    assert told.code == 0
    assert "4 chips; spread: f_res 0.3 %" in told.out
    assert "yield, calibrated: 100.0 % (4 of 4 keep weight_error <= 5 %)" in told.out
    page = json.loads(resonet(*words, "--json").out)
    assert page["yield"]["calibrated"]["exact"]["low"] == pytest.approx(betaincinv(4, 1, 0.025), abs=1e-9)
    assert len(page["values"]["accuracy"]["gain"]) == 4
    assert len(page["sparams"]["programmed"]["insertion_loss_db"]) == 4
    assert all(Path(path).is_file() for path in (*page["results"], *page["figures"]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing spreads"),
        (["--spread", "beauty=1 %"], "no such parameter"),
        (["--spread", "f_res"], "NAME=VALUE"),
        (["--spread", "f_res=0.1 %", "--level", "best"], "all, programmed, gain, calibrated"),
        (["--spread", "f_res=0.1 %", "--spec", "accuracy >= 98 %"], "--data IMAGES.npz"),
        (["--spread", "f_res=0.1 %", "--range", "120"], "below 100"),
        (["--spread", "f_res=0.1 %", "--level", "gain", "--bits", "4"], "with --level"),
        (["--spread", "f_res=0.1 %", "--noise"], "with --data"),
    ],
)
def test_commands_that_are_refused(built, resonet, words, told):
    result = resonet("montecarlo", built, "--samples", "1", *words)
    assert result.code in (1, 2)
    assert told in " ".join(result.err.split())


def test_status_and_clean_know_the_files(built, labelled, resonet, tmp_path, small_model, small_design):
    folder = tmp_path / "design"
    write_design(small_design, small_model, folder)
    words = ["montecarlo", folder, "--samples", "2", "--spread", "f_res=0.3 %", "--jobs", "1"]
    assert resonet(*words).code == 0
    (line,) = json.loads(resonet("status", folder, "--json").out)["sweeps"]
    assert line["what"].endswith("over 2 chips")
    assert line["state"] == "fresh"
    (journal,) = (folder / "results").glob("montecarlo_*.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))
    assert json.loads(resonet("status", folder, "--json").out)["sweeps"][0]["state"] == "1 of 2"
    assert json.loads(resonet("clean", folder, "--json").out)["removed"] == []
    removed = json.loads(resonet("clean", folder, "--all", "--json").out)["removed"]
    assert {Path(one["path"]).suffix for one in removed if "montecarlo" in one["path"]} >= {".jsonl", ".nc", ".csv"}
