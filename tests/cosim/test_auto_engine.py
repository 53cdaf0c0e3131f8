"""Engine `auto`: the linear engine's weights, with ngspice as their witness on all buses or on a sample of them."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from conftest import complaint
from fakes import EVERY

from resonet.cli import pages
from resonet.core.errors import EngineError
from resonet.core.validity import collected
from resonet.cosim.feed.feeds import layer_weights
from resonet.cosim.feed.store import (
    changed_parts,
    effective_path,
    result_parts,
    stored_effective_weights,
    stored_programs,
    stored_result,
)
from resonet.cosim.ngspice import run as running
from resonet.cosim.ngspice.program import find_ngspice, ngspice_version
from resonet.cosim.strip import spot_check as strip_check
from resonet.cosim.strip.laid_out import lay_out
from resonet.cosim.strip.spot_check import check_strips, check_window
from resonet.cosim.weights import engines, spot_check
from resonet.cosim.weights.checks import check_cases, joined, spread_over
from resonet.cosim.weights.effective import effective_weights, network_weights
from resonet.cosim.weights.engines import auto, formula, linear, ngspice
from resonet.cosim.weights.spot_check import bus_cost, layer_cost, most_telling
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design
from resonet.netlist.design.parameters import read_parameters
from resonet.report import style

LIE = EVERY.format(value="x * (1 + 1e-4 * (-1) ** (n // 2))")


@pytest.fixture(scope="module")
def many(small_model):
    """Many buses: 12 of dense1, all but the last of 9 resonators a chain."""
    return compile_cnn(small_model, read_parameters(settings=["plan.tile=9", "plan.fanout=1"]))


@pytest.fixture
def folder(build):
    return build


@pytest.fixture
def ran(monkeypatch):
    """Names of the decks that ngspice runs."""
    decks, real = [], running.run_deck

    def counted(deck, *arguments, **options):
        decks.append(deck.name)
        return real(deck, *arguments, **options)

    monkeypatch.setattr(running, "run_deck", counted)
    return decks


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Take ngspice away, and give it back."""
    path = os.environ["PATH"]
    (tmp_path / "empty").mkdir()

    def take(away: bool = True):
        monkeypatch.delenv("RESONET_NGSPICE", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path / "empty") if away else path)

    return take


def test_weights_are_those_of_the_linear_engine_and_say_who_has_checked_them(small_design):
    for layer in ("conv1", "dense1"):
        ours = effective_weights(small_design, layer, "coupled")
        assert np.array_equal(ours.values, effective_weights(small_design, layer, "coupled", engine=linear).values)
        other = effective_weights(small_design, layer, "coupled", engine=ngspice)
        buses = len(small_design.plan.layer(layer).buses)
        for found in (ours.witness, other.witness):
            assert (found.buses, found.of, found.missing) == (buses, buses, "")
            assert 0 < found.difference < 1e-9
            assert layer in found.where
        assert ours.witness.by == f"ngspice {ngspice_version(find_ngspice())}"
        assert np.abs(ours.values - other.values).max() <= 1e-9 * np.abs(ours.trained).max()
        for engine in (linear, formula):
            assert effective_weights(small_design, layer, "coupled", engine=engine).witness is None


def test_where_all_take_too_long_a_sample_is_checked(many, ran):
    entry, steps = many.plan.layer("dense1"), []
    assert len(entry.buses) == 12
    seconds = 2.5 * bus_cost(entry.buses[0]) / spot_check.SAMPLE  # two buses; all of them would take twelve times one
    weights = effective_weights(many, "dense1", "coupled", 1, lambda: steps.append(1), auto.with_budget(1e-9))
    assert (weights.witness.buses, weights.witness.of, len(steps)) == (1, 12, 12)
    assert [name.endswith("_rf") for name in ran].count(True) == 1
    assert [name for name in ran if "_dc" in name] == ["dense1_dc0"]
    ran.clear()
    some = spot_check._sample(range(12), [bus_cost(bus) for bus in entry.buses], spot_check.SAMPLE * seconds)
    assert some == [0, 1]
    effective_weights(many, "dense1", "coupled", engine=auto.with_budget(1e9))
    assert len([name for name in ran if name.endswith("_rf")]) == 12


def test_a_sample_takes_the_most_telling_buses_and_always_the_same(many):
    entry, device = many.plan.layer("dense1"), many.plan.device
    f_res = [f.copy() for f in many.program("coupled").layer("dense1").f_res]
    first = most_telling(entry, f_res, device)
    assert sorted(first) == list(range(12))
    assert first == most_telling(entry, f_res, device)
    for bus in (3, 7):
        moved = [f * (1 + 5 * device.damping * (n == bus)) for n, f in enumerate(f_res)]
        assert bus in most_telling(entry, moved, device)[:6]  # the furthest detuning
        louder = replace(entry.buses[bus], levels=2 * entry.buses[bus].levels)
        changed = replace(entry, buses=tuple(louder if n == bus else one for n, one in enumerate(entry.buses)))
        assert bus in most_telling(changed, f_res, device)[:6]
        close = replace(entry.buses[bus], frequencies=np.geomspace(4.0e9, 3.9e9, len(entry.buses[bus].taps)))
        changed = replace(entry, buses=tuple(close if n == bus else one for n, one in enumerate(entry.buses)))
        assert bus in most_telling(changed, f_res, device)[:6]
    deepest = max(bus.below for bus in entry.buses)
    assert any(entry.buses[n].below == deepest for n in first[:6])
    others = {tuple(most_telling(entry, [f * (1 + 1e-9 * n) for f in f_res], device)) for n in range(8)}
    assert len(others) > 1  # the rest by lot, drawn from the program


def test_a_lying_ngspice_is_found(lying, small_design):
    lying(LIE)
    with pytest.raises(EngineError, match=r"layer conv1, bus t0: current squared.* apart, allowed 1e-06; neither is"):
        effective_weights(small_design, "conv1", "coupled")


@pytest.mark.parametrize("factor", [1 + 3e-6, 0.0, np.nan])
def test_a_lying_linear_engine_is_found(small_design, monkeypatch, factor):
    """What is checked are the very answers that the weights are made of."""
    real = engines.bus_answers

    def off(*arguments):
        found = real(*arguments)
        values = found.values.copy()
        values[np.unravel_index(np.abs(values).argmax(), values.shape)] *= factor
        return replace(found, values=values)

    monkeypatch.setattr(engines, "bus_answers", off)
    with pytest.raises(EngineError, match=r"layer conv1, bus t0: answer of a chain, V/W: .*neither is believed"):
        effective_weights(small_design, "conv1", "coupled")


def test_wrong_gains_at_dc_are_found(small_design, monkeypatch):
    monkeypatch.setattr(engines, "readout_divider", lambda plan, entry: 1.0 + 1e-5)
    with pytest.raises(EngineError, match=r"answer of a chain|DC gain"):
        effective_weights(small_design, "conv1", "coupled")


def test_without_ngspice_the_weights_are_there_and_a_warning(small_design, folder, nowhere, ran):
    design, path = load_design(folder), effective_path(folder, "conv1", "coupled")
    nowhere()
    with collected() as warnings:
        found = stored_effective_weights(folder, design, "coupled", ["conv1"])["conv1"]
        again = stored_effective_weights(folder, design, "coupled", ["conv1"])["conv1"]
    assert [one.code for one in warnings] == ["unwitnessed"]
    assert "no program 'ngspice' here; install it with" in warnings[0].text
    for one in (found, again):
        assert (one.witness.difference, one.witness.buses, one.witness.of) == (None, 0, 1)
        assert one.witness.missing.startswith("no program 'ngspice'")
    assert np.array_equal(again.values, effective_weights(design, "conv1", "coupled", engine=linear).values)
    with pytest.raises(EngineError, match="no program 'ngspice' here"):
        effective_weights(design, "conv1", "coupled", engine=ngspice)
    # With ngspice it is checked, and what has been checked holds where there is none.
    nowhere(False)
    assert changed_parts(stored_result(path).depends_on, result_parts(design, "conv1", "coupled")) == ["ngspice"]
    ran.clear()
    with collected() as warnings:
        checked = stored_effective_weights(folder, design, "coupled", ["conv1"])["conv1"]
        assert ran
        ran.clear()
        nowhere()
        kept = stored_effective_weights(folder, design, "coupled", ["conv1"])["conv1"]
    assert not ran
    assert not warnings
    assert kept.witness == checked.witness == stored_result(path).witness
    assert kept.witness.difference < 1e-9


def test_a_named_program_that_is_none_is_an_error(small_design, monkeypatch):
    monkeypatch.setenv("RESONET_NGSPICE", "/nonexistent")
    with pytest.raises(EngineError, match="no program '/nonexistent' here"):
        effective_weights(small_design, "conv1", "coupled")


def test_each_engine_with_decks_has_results_of_its_own(folder, ran):
    design = load_design(folder)
    for engine in (auto, ngspice, auto, ngspice):
        stored_programs(folder, design, ("coupled",), ["conv1"], engine=engine)
    assert ran == ["conv1_t0_rf", "conv1_dc0"] * 2
    names = sorted(path.name for path in (folder / "results").glob("*.nc"))
    assert names == ["effective_conv1_coupled.nc", "effective_conv1_coupled_by_ngspice.nc"]
    for engine in (linear, formula):
        stored_programs(folder, design, ("coupled",), ["conv1"], engine=engine)
    assert len(list((folder / "results").glob("*.nc"))) == 2
    parts = [result_parts(design, "conv1", "coupled", engine)["engine"] for engine in (auto, ngspice, linear)]
    assert len(set(parts)) == 3
    shutil.copy(effective_path(folder, "conv1", "coupled", ngspice), effective_path(folder, "conv1", "coupled"))
    stored_programs(folder, design, ("coupled",), ["conv1"])
    assert len(ran) == 6  # what ngspice said is no result of auto


def test_many_programs_share_one_check(small_design, ran):
    plan, layers = small_design.plan, small_design.plan.layers
    cases = [(plan, e, small_design.program("coupled").layer(e.layer.name).f_res) for e in layers]
    found = check_cases(auto, 5 * cases)
    assert (found.buses, found.of) == (10, 10)
    ran.clear()
    few = check_cases(auto.with_budget(1e-9), 5 * cases)
    assert (few.buses, few.of) == (1, 10)
    assert check_cases(linear, cases) is None
    assert check_cases(auto, []) is None
    assert check_cases(auto.unchecked, cases) is None
    assert [spread_over(9, most) for most in (1, 2, 3, 20)] == [[8], [0, 8], [0, 4, 8], list(range(9))]
    held = network_weights(small_design, "coupled")
    assert joined(one.witness for one in held.values()).buses == 2
    assert layer_cost(layers[0]) > 0


def test_checks_add_up_and_the_worst_is_named():
    one, other = Witness(1e-9, 3, 5, "bus a", "ngspice 39"), Witness(2e-9, 1, 1, "bus b", "ngspice 39")
    none = Witness(None, 0, 4, missing="no program")
    assert one + other == other + one == Witness(2e-9, 4, 6, "bus b", "ngspice 39")
    assert one + none == Witness(1e-9, 3, 9, "bus a", "ngspice 39", "no program")
    assert str(other) == "ngspice 39 on 1 of 1 buses: at most 2.0e-09 of full scale apart (bus b)"
    assert str(none) == "no witness: no program"
    assert joined([]) is joined([None]) is None


def test_commands_print_and_keep_the_check(folder, resonet, ran, lying, monkeypatch):
    monkeypatch.setattr(pages, "weights_page", lambda *_: [])  # figures take most of the time
    told = json.loads(resonet("crosstalk", folder, "--program", "coupled", "--json").out)
    assert (told["engine"], told["witness"]["buses"], told["witness"]["of"]) == ("auto", 2, 2)
    assert told["witness"]["difference"] < 1e-9
    first = len(ran)
    text = resonet("crosstalk", folder, "--program", "coupled").out
    assert "weights by the linear engine; ngspice" in text
    assert "on 2 of 2 buses: at most " in text
    assert len(ran) == first > 0  # out of the folder
    quick = json.loads(resonet("crosstalk", folder, "--program", "coupled", "--engine", "linear", "--json").out)
    assert (quick["engine"], quick["witness"], quick["layers"]) == ("linear", None, told["layers"])
    assert "weights by the linear engine, unchecked" in resonet("crosstalk", folder, "--engine", "linear").out
    whole = json.loads(resonet("crosstalk", folder, "--program", "coupled", "--engine", "ngspice", "--json").out)
    assert (whole["engine"], whole["witness"]["buses"]) == ("ngspice", 2)
    states = {line["what"]: line for line in json.loads(resonet("status", folder, "--json").out)["weights"]}
    assert states["effective weights, conv1, coupled"]["state"] == "fresh"
    assert "on 1 of 1 buses" in states["effective weights, conv1, coupled"]["why"]
    assert states["effective weights, conv1, coupled, by ngspice"]["state"] == "fresh"
    lying(LIE)
    assert "neither is believed" in complaint(resonet("crosstalk", folder, "--program", "formula"))


def test_calibrate_checks_what_it_ends_with_once(folder, resonet, ran):
    told = json.loads(resonet("calibrate", folder, "--json").out)
    assert (told["engine"], told["witness"]["buses"]) == ("auto", 2)
    assert sorted(ran) == ["conv1_dc0", "conv1_t0_rf", "dense1_dc0", "dense1_t0_rf"]
    again = json.loads(resonet("crosstalk", folder, "--program", "calibrated", "--json").out)
    assert again["witness"] == told["witness"]
    assert len(ran) == 4
    levels = json.loads(resonet("levels", folder, "--data", _images(folder), "--json").out)
    assert levels["witness"] == told["witness"]
    run = json.loads(resonet("run", folder, "--data", _images(folder), "--engine", "two-pass", "--json").out)
    assert run["weights"] == {"engine": "auto", "witness": told["witness"]}
    assert len(ran) == 4


def test_quantise_share_and_sweep_check_their_ends(folder, resonet, ran):
    told = json.loads(resonet("quantise", folder, "--bits", "3,5", "--json").out)
    assert (told["engine"], told["witness"]["buses"], told["witness"]["of"]) == ("auto", 4, 4)
    ran.clear()
    told = json.loads(resonet("share", folder, "--layer", "conv1", "--spread", "0.01", "--json").out)
    assert told["witness"]["of"] == sum(row["positions"] for row in told["results"])
    assert 2 <= told["witness"]["buses"] <= told["witness"]["of"]
    assert told["witness"]["difference"] < 1e-9
    over = ("--over", "device.damping=0.008:0.012:10", "--program", "coupled", "--jobs", "1")
    told = json.loads(resonet("sweep", folder, *over, "--json").out)
    assert (told["witness"]["buses"], told["witness"]["of"]) == (16, 16)
    checked = [row["point"] for row in told["points"] if "witness" in row]
    assert len(checked) == 8
    assert {0, 9} <= set(checked)
    with xr.open_dataset(told["results"], engine="scipy") as data:
        assert json.loads(data.attrs["witness"]) == told["witness"]


@pytest.fixture(scope="module")
def lines(small_model):
    return compile_cnn(small_model, read_parameters(settings=["feed.kind=stripline"]))


def test_under_strip_lines_windows_are_checked(lines):
    weights = layer_weights(lines, "coupled", auto.with_budget(1e-9), ["conv1"])["conv1"]
    assert np.array_equal(weights.values, layer_weights(lines, "coupled", linear, ["conv1"])["conv1"].values)
    found = weights.witness
    assert (found.buses, found.what) == (1, "windows")
    assert found.of > 1
    assert 0 < found.difference < 1e-9
    assert "windows: at most" in str(found)
    laid = lay_out(lines, "conv1")
    arguments = (laid.placement, laid.frequencies, weights.f_res, laid.causes, laid.device)
    two = check_strips(*arguments, chains=np.arange(8), budget=1e9)
    assert (two.buses, two.of) == (2, 2)
    both = two + Witness(1e-10, 1, 1, "bus", "ngspice 39")
    assert both.what == (both + both).what == "buses and windows"


def test_long_chains_under_strip_lines_go_alone_or_are_told(lines, monkeypatch):
    assert [strip_check._size(taps) for taps in (9, 33, 34, 66, 67, 400)] == [(4, 1)] * 2 + [(1, 1)] * 2 + [(1, 0)] * 2
    plays = [strip_check._plays(resonators) for resonators in (54, 144, 200, 400)]
    assert plays == sorted(plays, reverse=True)
    assert (plays[0] > 400, plays[-1]) == (True, strip_check.FEWEST)
    laid = lay_out(lines, "conv1")
    f_res = laid.frequencies[laid.placement.usage.tone] * 1.001
    monkeypatch.setattr(strip_check, "_plays", lambda resonators: 3)
    assert check_window(laid.placement, laid.frequencies, f_res, np.arange(1), laid.causes, laid.device, 0) < 1e-9
    monkeypatch.setattr(strip_check, "MOST", 8)
    with collected() as warnings:
        found = check_strips(laid.placement, laid.frequencies, f_res)
    assert (found.difference, found.buses) == (None, 0)
    assert [one.code for one in warnings] == ["unwitnessed"]
    assert "layer conv1: chains of 9 resonators; ngspice takes 8 under strip lines" in warnings[0].text


def test_a_lie_under_strip_lines_is_found(lines, monkeypatch):
    laid, real = lay_out(lines, "conv1"), strip_check.rectified

    def off(passes, f_res, device):
        volts = real(passes, f_res, device).copy()
        volts[np.unravel_index(np.abs(volts).argmax(), volts.shape)] *= 1 + 3e-6
        return volts

    f_res = laid.frequencies[laid.placement.usage.tone] * 1.001
    monkeypatch.setattr(strip_check, "rectified", off)
    with pytest.raises(EngineError, match=r"layer conv1, chains .*: rectified voltage, V/W: .*neither is believed"):
        check_window(laid.placement, laid.frequencies, f_res, np.arange(4), laid.causes, laid.device)


def test_sneak_checks_its_circuit(folder, resonet, monkeypatch):
    monkeypatch.setattr(style, "save", lambda *_: [])
    told = json.loads(resonet("sneak", folder, "--layer", "conv1", "--feed", "bus", "--json").out)
    assert (told["engine"], told["witness"]["buses"], told["witness"]["of"]) == ("auto", 1, 1)
    chains = ("--feed", "stripline", "--chains", "4", "--neighbours", "1", "--json")
    told = json.loads(resonet("sneak", folder, "--layer", "conv1", *chains).out)
    assert (told["engine"], told["witness"]["buses"], told["witness"]["what"]) == ("auto", 1, "windows")
    assert told["witness"]["difference"] < 1e-9
    quick = json.loads(resonet("sneak", folder, "--layer", "conv1", *chains, "--engine", "linear").out)
    assert (quick["engine"], quick["witness"], quick["causes"]) == ("linear", None, told["causes"])


def _images(folder):
    path = folder.parent / "images.npz"
    if not path.is_file():
        np.savez(path, images=np.random.default_rng(6).uniform(0, 1, (6, 1, 8, 8)), labels=np.arange(6) % 3)
    return path
