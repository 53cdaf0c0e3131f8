"""Presets: physical, sourced value by value, and usable as they are."""

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.models.presets.preset import list_presets, load_preset, preset_tables
from resonet.models.resonator.forced_oscillation import forced_voltage_per_watt
from resonet.models.resonator.linear import rectified_per_watt
from resonet.models.resonator.macrospin_linear import linear_map
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters

FOLDER = Path(__file__).parents[2] / "models" / "presets"
NAMES = ["nanopillar_mtj", "nife_pt", "shno", "vortex_mtj"]


def test_which_presets_there_are():
    assert list_presets() == NAMES
    with pytest.raises(InputError, match=r"'no_such': possible: nanopillar_mtj, nife_pt, shno, vortex_mtj"):
        load_preset("no_such")
    with pytest.raises(InputError, match="possible: nanopillar_mtj"):
        load_preset("../presets/shno")


@pytest.mark.parametrize("name", NAMES)
def test_values_are_within_what_the_preset_says(name):
    preset = load_preset(name)
    assert set(preset.values) == set(preset.ranges)
    for key, value in preset.values.items():
        low, high = preset.ranges[key]
        assert math.isfinite(value)
        assert low <= value <= high, key
    assert preset.title
    assert "(" in preset.note


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_source(name):
    preset, tables = load_preset(name), preset_tables(name)
    for table in ("device", "auto_oscillator", "macrospin", "plan"):
        for key in tables.get(table, {}):
            assert len(preset.source(table, key)) > 20, f"{table}.{key}"
    assert set(tables["device"]) == {spec.name for spec in fields(preset.device)}
    for entry in preset.sources:
        table, _, key = entry.partition(".")
        assert table in tables
        assert not key or key in tables[table]


@pytest.mark.parametrize("name", NAMES)
def test_fidelities_1_and_2_agree_in_the_linear_limit(name):
    preset = load_preset(name)
    f = preset.auto_oscillator.f0 * 1.003
    linear = rectified_per_watt(f, preset.auto_oscillator.f0, preset.device)
    if preset.auto_oscillator.psi == 0:
        assert forced_voltage_per_watt(preset.auto_oscillator, f, 1e-20) == pytest.approx(float(linear), rel=1e-5)
    assert preset.auto_oscillator.damping == pytest.approx(preset.device.damping)


def test_the_macrospin_of_the_nanopillar_resonates_where_it_says():
    preset = load_preset("nanopillar_mtj")
    assert preset.macrospin is not None
    assert linear_map(preset.macrospin).f_res == pytest.approx(preset.auto_oscillator.f0, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_design_file(name, small_model):
    with collected() as from_file:
        parameters = read_parameters(FOLDER / f"{name}.toml")
    with collected() as from_name:
        assert parameters == read_parameters(preset=name)
    preset = load_preset(name)
    # what a linear design cannot take from it: of the file everything is named, of the preset the linear regime
    assert all(one.code == "unused-parameter" for one in (*from_file, *from_name))
    assert re.search(r"\[auto_oscillator\] f0 = '[\d.]+ [GM]Hz', qnl = ", from_file[0].text)
    assert any("[macrospin]" in one.text for one in from_file) == (preset.macrospin is not None)
    psi = preset.auto_oscillator.psi
    assert len(from_name) == (psi != 0)
    if psi:
        assert f"preset {name}: [auto_oscillator] psi = '{psi:g} rad': not used" in from_name[0].text
    assert parameters.device == preset.device
    assert parameters.plan.f_min <= preset.auto_oscillator.f0 <= parameters.plan.f_max
    design = compile_cnn(small_model, parameters)
    assert design.plan.device == preset.device


def test_a_design_file_and_settings_lie_over_a_preset(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[device]\nresistance = "50 Ohm"\n')
    found = read_parameters(path, ["device.damping=0.02"], "vortex_mtj")
    assert found.device.resistance == 50
    assert found.device.damping == 0.02
    assert found.device.magnetoresistance == 1.35
    with pytest.raises(InputError, match="possible: nanopillar_mtj"):
        read_parameters(preset="nothing")
