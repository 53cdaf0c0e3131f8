"""Tone and source powers beyond what they may be are said, on the right side of the limit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG

from resonet.core.validity import ValidityWarning, collected
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.forced_oscillation import forced_voltage_per_watt, linear_power
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import LINEAR_ERROR, linear_range
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import source_power
from resonet.netlist.planning.powers import check_source_power, check_tone_power

DEVICES = [SpinDiode(), SpinDiode(damping=0.003), SpinDiode(torque_angle=0.3), SpinDiode(threshold_current=1e-4)]


@pytest.mark.parametrize("device", DEVICES)
def test_the_limit_is_where_the_largest_departure_is(device):
    found = linear_range(device, 1.0)
    for f0 in (1e9, 17e9):  # of no consequence
        oscillator = AutoOscillator.from_spin_diode(device, f0)
        assert found.limit == pytest.approx(linear_power(oscillator, LINEAR_ERROR), rel=0.006)  # a grid of 0.5 %
        f = oscillator.free + oscillator.damping * f0 * np.linspace(-1, 1, 2001)[:, None]
        linear = forced_voltage_per_watt(oscillator, f, 0.0)
        change = np.abs(forced_voltage_per_watt(oscillator, f, np.array([found.limit])) - linear).max()
        assert change / np.abs(linear).max() == pytest.approx(LINEAR_ERROR, rel=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_both_sides_of_the_limit(device):
    limit = linear_range(device, 1.0).limit
    with collected() as given:
        check_tone_power(device, 0.999 * limit)
    assert given == []
    with collected() as given:
        check_tone_power(device, 1.001 * limit)
    (warned,) = given
    assert (warned.code, warned.unit) == ("tone-power", "W")
    assert (warned.value, warned.limit) == pytest.approx((1.001 * limit, limit), rel=1e-9)
    assert "by up to 1.1 % of the largest" in warned.text


def test_the_default_power_is_just_linear():
    found = linear_range(SpinDiode(), 2e-9)
    assert found.limit == np.inf
    assert found.departure == pytest.approx(0.01, rel=0.01)
    assert linear_range(SpinDiode(), 1.0).limit == pytest.approx(2.099e-9, rel=1e-3)


def test_sources_that_give_more_than_their_amplifiers(small_design):
    plan = small_design.plan
    watts = [10 ** (source_power(entry, plan) / 10 - 3) for entry in plan.layers]
    with collected() as given:
        check_source_power(plan, 1.001 * max(watts))
        assert given == []
        check_source_power(plan, 0.999 * max(watts))
    (warned,) = given
    assert (warned.code, warned.value) == ("source-power", pytest.approx(max(watts)))
    assert warned.text.startswith("layer dense1: ")


def test_a_caller_who_collects_nothing_is_warned(small_model):
    with pytest.warns(ValidityWarning, match="tone-power: plan.p_max: one tone alone moves the weights by up to 4.6 %"):
        compile_cnn(small_model, read_parameters(settings=["plan.p_max=10nW"]))


@pytest.fixture(scope="module")
def loud(tmp_path_factory, small_model):
    """A design of 10 nW, and images."""
    from resonet.netlist.design.folder import write_design

    cwd = tmp_path_factory.mktemp("loud")
    with collected():
        write_design(compile_cnn(small_model, read_parameters(settings=["plan.p_max=10nW"])), small_model, cwd / "b")
    np.savez(cwd / "im.npz", images=RNG(6).uniform(0, 1, (20, 1, 8, 8)), labels=RNG(1).integers(0, 3, 20))
    return cwd


@pytest.mark.parametrize(
    "words",
    [
        ["compile", "MODEL", "-o", "NEW", "--set", "plan.p_max=10nW"],
        ["plan", "MODEL", "-o", "NEW", "--tiles", "12", "--damping", "0.01", "--set", "plan.p_max=10nW"],
        ["plan", "BUILD", "--tiles", "12", "--damping", "0.01"],
        ["levels", "BUILD", "--data", "IMAGES", "--program", "coupled"],
        ["run", "BUILD", "--data", "IMAGES", "--program", "coupled", "--engine", "two-pass"],
        ["sweep", "BUILD", "--over", "plan.tile=12,24", "--program", "formula", "--jobs", "1"],
        ["accuracy", "BUILD", "--data", "IMAGES", "--program", "formula"],
        ["crosstalk", "BUILD", "--layer", "conv1", "--program", "formula"],
        ["calibrate", "BUILD"],
    ],
)
def test_every_command_says_so(loud, resonet, small_model, tmp_path, words):
    places = {"MODEL": small_model, "BUILD": loud / "b", "IMAGES": loud / "im.npz", "NEW": tmp_path / "new"}
    told = resonet(*(places.get(word, word) for word in words), "--json")
    assert told.code == 0, told.err
    warned = [entry for entry in json.loads(told.out)["warnings"] if entry["code"] == "tone-power"]
    assert [(entry["value"], entry["unit"]) for entry in warned] == [(pytest.approx(1e-8), "W")]
    assert warned[0]["limit"] == pytest.approx(2.099e-9, rel=1e-3)
    assert "resonet: warning [tone-power] plan.p_max: " in told.err
    assert "(10 nW, limit 2.099 nW)" in told.err
    folder = tmp_path / "new" if words[0] == "compile" else loud / "b"
    if "MODEL" not in words or words[0] == "compile":
        kept = json.loads((folder / "results" / f"warnings_{words[0]}.json").read_text())
        assert kept == json.loads(told.out)["warnings"]
    assert resonet(*(places.get(word, word) for word in words), "--strict").code == 1


@pytest.mark.parametrize(
    "words", [["plan", "--tiles", "12", "--damping", "0.01"], ["accuracy", "--data", "IMAGES", "--program", "formula"]]
)
def test_at_the_limit_nobody_says_so(resonet, small_model, loud, tmp_path, words):
    """2.09 nW is within the linear power of 2.099 nW: the other side."""
    assert resonet("compile", small_model, "-o", tmp_path / "b", "--set", "plan.p_max=2.09nW").code == 0
    command, *rest = words
    told = resonet(command, tmp_path / "b", *(loud / "im.npz" if word == "IMAGES" else word for word in rest), "--json")
    assert "tone-power" not in told.err + told.out


def test_a_run_without_warnings_takes_away_the_last_ones(resonet, small_model, tmp_path):
    arguments = ("plan", tmp_path / "b", "--tiles", 12, "--damping", "0.01")
    assert resonet("compile", small_model, "-o", tmp_path / "b").code == 0
    assert resonet(*arguments, "--set", "plan.p_max=10nW").code == 0
    path = tmp_path / "b" / "results" / "warnings_plan.json"
    assert path.is_file()
    assert "resonet plan" in (told := resonet("status", tmp_path / "b").out)
    assert "tone-power" in told
    assert resonet(*arguments).code == 0
    assert not path.exists()


def test_a_sweep_tells_the_worst_point(resonet, small_model, tmp_path):
    assert resonet("compile", small_model, "-o", tmp_path / "b").code == 0
    arguments = ("sweep", tmp_path / "b", "--over", "plan.p_max=2nW,20nW,10nW", "--program", "formula", "--jobs", 1)
    for _ in range(2):  # computed, and from its journal
        found = json.loads(resonet(*arguments, "--json").out)
        (warned,) = found["warnings"]
        assert warned["value"] == pytest.approx(2e-8)
        assert warned["text"].endswith("(and at 1 other points)")
    assert [len(row.get("warnings", [])) for row in found["points"]] == [0, 1, 1]


def test_levels_of_a_design_scale(small_design):
    """A hundred times the power asks for 20 dB more of a source."""
    plan = small_design.plan
    louder = replace(plan, options=replace(plan.options, p_max=100 * plan.options.p_max))
    for entry in plan.layers:
        assert source_power(entry, louder) - source_power(entry, plan) == pytest.approx(20)
