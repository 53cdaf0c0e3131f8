"""Monte Carlo of chips: runs that go on where they were, what they find, the command."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.special import betaincinv

from resonet.core.errors import InputError
from resonet.cosim.chips.weights import chip_network, chip_weights
from resonet.cosim.montecarlo.findings import findings
from resonet.cosim.montecarlo.levels import LEVELS
from resonet.cosim.montecarlo.limits import Limit
from resonet.cosim.montecarlo.run import MonteCarlo, measure_chip, montecarlo_key, run_montecarlo
from resonet.cosim.montecarlo.saturating import check_saturating, saturating_chip
from resonet.cosim.montecarlo.table import montecarlo_dataset, write_montecarlo
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.sweep.journal import read_journal
from resonet.cosim.sweep.study import from_table
from resonet.cosim.weights.inference import forward
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler, sampled_chip
from resonet.netlist.design.folder import write_design

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
    assert from_table(MonteCarlo, read_journal(path)[0]) == replace(run, samples=2)
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
    with pytest.raises(InputError, match="positions are drawn by themselves"):
        MonteCarlo(str(built), SpreadOptions(f_res=0.01, chip=0.5), data=labelled, shared=True)


def test_noise_saturation_and_sparams_together(built, labelled, resonet, tmp_path):
    words = ["montecarlo", built, "--samples", "1", "--spread", "f_res=0.2 %", "--data", labelled, "--jobs", "1"]
    words += ["--noise", "--resonators", "saturating", "--sparams", "conv1", "--spec", "return_loss >= 1 dB"]
    told = resonet(*words, "-o", tmp_path)
    assert told.code == 0, told.err
    assert " nan " not in told.out  # the standard deviation of one chip
    page = json.loads(resonet(*words, "-o", tmp_path, "--json").out)
    names = ("accuracy", "noisy", "insertion_loss", "return_loss", "resonance_error")
    assert all(set(page["values"][name]) == set(LEVELS) for name in names)
    own = page["values"]["insertion_loss"]
    assert own["programmed"] == own["gain"] != own["calibrated"]
    assert page["limits"] == ["return_loss >= 1 dB"]


def test_saturating_chips_whose_resonators_spread_otherwise_are_refused(built, labelled):
    for name in ("frequency_shift", "gain"):
        with pytest.raises(InputError, match=f"saturating with spread.{name}"):
            MonteCarlo(str(built), SpreadOptions(**{name: 0.01}), data=labelled, resonators="saturating")
    with pytest.raises(InputError, match="frequency_shift know spreads of f_res; possible"):
        check_saturating(SPREAD, shifted=True)


def test_saturating_chips_at_vanishing_power_hold_what_linear_ones_do(small_design, small_images):
    spread = replace(SPREAD, threshold_current=0.05, node_capacitance=0.1, tone_level=0.05, nonlinear_damping=0.1)
    plan = small_design.plan
    quiet = replace(small_design, plan=replace(plan, options=replace(plan.options, p_max=1e-15)))
    chip = ChipSampler(quiet, spread, 1, saturating=True).chip(2)
    held, design = chip_weights(quiet, "coupled", chip), chip_network(quiet, "coupled", chip)
    for name, one in saturating_chip(design, held, chip).items():
        layer = quiet.plan.layer(name).layer
        carried = np.eye(layer.taps)[None, :, None].repeat(layer.groups, 0)
        found = one.products(carried)[..., 0].swapaxes(1, 2)
        assert found == pytest.approx(held[name].values, abs=2e-4 * np.abs(held[name].values).max())
    loud = saturating_chip(chip_network(small_design, "coupled", chip), held, chip)
    assert forward(small_design, loud, small_images).shape == (len(small_images), 3)


def test_noise_leaves_what_neurons_add(small_design):
    chip = sampled_chip(small_design, SpreadOptions(offset=1e-6), 1, 0)
    held = chip_weights(small_design, "coupled", chip)
    noisy = noisy_weights(small_design, held)
    assert all(np.array_equal(noisy[name].shift, one.shift) for name, one in held.items())


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
    assert len(page["sparams"]["programmed"]["s21_db_percentiles"]) == 5
    assert len(page["values"]["insertion_loss"]["programmed"]) == 4
    assert all(Path(path).is_file() for path in (*page["results"], *page["figures"]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing spreads"),
        (["--spread", "beauty=1 %"], "no such parameter"),
        (["--spread", "f_res"], "NAME=VALUE"),
        (["--spread", "f_res=0.1 %", "--level", "best"], "all, programmed, gain, calibrated"),
        (["--spread", "f_res=0.1 %", "--spec", "accuracy >= 98 %"], "--data IMAGES.npz"),
        (["--spread", "f_res=0.1 %", "--spec", "return_loss >= 9 dB"], "--sparams LAYER"),
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
