"""`resonet device`: parameters, characteristic against ngspice, fits; and what a user gets wrong."""

import json
import sys
import tomllib
from dataclasses import asdict

import numpy as np
import pytest

from resonet.cli.device_sheet import TunedDiode, device_kinds, device_record, fitted_record
from resonet.cli.main import main
from resonet.core.validity import collected
from resonet.models.fit.fit import fit_rectification, one_port, rectification
from resonet.models.presets.preset import load_preset
from resonet.models.resonator.forced_oscillation import forced_voltage_per_watt
from resonet.netlist.design.parameters import read_parameters
from resonet.report.device_curves import characteristic


def run(monkeypatch, capsys, *arguments):
    """Exit status, stdout, stderr of the command."""
    monkeypatch.setattr(sys, "argv", ["resonet", "device", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    return end.value.code or 0, captured.out, captured.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("oscillator_two_terminal", 1e-6),
        ("oscillator_three_terminal", 1e-6),
        ("oscillator_relu", 1e-6),
        ("neuron_two_terminal", 1e-6),
        ("neuron_three_terminal", 1e-6),
        ("neuron_relu", 1e-6),
        ("amplifier", 1e-4),
        ("macrospin", 1e-2),
        ("resonator_full", 1e-9),
        ("line_lossless", 1e-9),
        ("line_rlc", 1e-9),
        ("line_rlgc", 1e-9),
        ("crossbar_cell", 1e-9),
    ],
)
def test_model_against_spice(name, bar):
    record, _ = device_record(name, None, [])
    made = characteristic(name, record)
    assert made.panels
    assert made.deviation
    for what, off in made.deviation.items():
        assert off < bar, what


@pytest.mark.slow
@pytest.mark.parametrize("preset", [None, "vortex_mtj", "nife_pt"])
def test_the_junction_against_spice(preset):
    record, _ = device_record("auto_oscillator" if preset else "resonator", preset, [])
    made = characteristic("resonator", record)
    assert len(made.panels) == 4
    bars = {
        "rectified voltage, fidelity 1": 1e-9,
        "rectified voltage at threshold power, fidelity 2": 1e-3,
        "rectified voltage against power, fidelity 2": 5e-3,
        "impedance under bias, fidelity 1": 1e-6,
        "free precession power": 5e-3,
        "free frequency": 1e-4,
    }
    assert set(made.deviation) == set(bars)
    for what, bar in bars.items():
        # the precession turns at 2ω too, a part of the order of α: with Q = 20 p swings by a per cent
        assert made.deviation[what] < bar * (3 if preset == "nife_pt" else 1), what


def test_every_device_has_a_sheet():
    kinds = device_kinds()
    assert {"resonator", "auto_oscillator", "macrospin", "oscillator_relu"} <= set(kinds)
    for name in kinds:
        record, _ = device_record(name, None, [])
        characteristic(name, record, spice=False)


def test_presets_and_settings_reach_the_record():
    record, sources = device_record("resonator", "vortex_mtj", ["f0=0.4 GHz", "resonator.damping=0.02"])
    assert isinstance(record, TunedDiode)
    assert (record.f0, record.damping, record.resistance) == (0.4e9, 0.02, 33)
    assert sources["f0"] == "set"
    assert "Torrejon" in sources["resistance"]
    record, sources = device_record("oscillator_two_terminal", "shno", [])
    assert (record.ith, record.mr, record.nshift) == (2.6e-3, 0.003, -1e9)
    assert all(sources.values())
    record, sources = device_record("neuron_three_terminal", "vortex_mtj", ["seed=1e-3"])
    preset = load_preset("vortex_mtj").auto_oscillator
    assert (record.f0, record.gamma0, record.seed) == (preset.f0, preset.gamma0, 1e-3)
    assert sources["gamma0"] == "follows from [device] and f0"
    record, _ = device_record("auto_oscillator", "nife_pt", [])
    assert record == load_preset("nife_pt").auto_oscillator


@pytest.mark.slow
def test_json_and_figures(monkeypatch, capsys, tmp_path):
    status, out, _ = run(monkeypatch, capsys, "crossbar_cell", "--set", "state=0.5", "-o", tmp_path, "--json")
    assert status == 0
    shown = json.loads(out)
    assert shown["device"] == "crossbar_cell"
    assert next(p for p in shown["parameters"] if p["name"] == "state")["value"] == 0.5
    assert {"name", "value", "unit", "low", "high", "doc", "source"} == set(shown["parameters"][0])
    assert shown["model_vs_spice"]["current"] < 1e-9
    assert (tmp_path / "crossbar_cell.png").stat().st_size > 5000
    status, out, _ = run(monkeypatch, capsys, "list", "--json")
    assert "vortex_mtj" in json.loads(out)["presets"]
    status, out, _ = run(monkeypatch, capsys, "resonator", "--no-spice", "--preset", "nife_pt", "-o", tmp_path)
    assert status == 0
    assert "Liu et al." in out
    assert "K_SD, V/W" in out


@pytest.mark.slow
def test_fit_of_a_rectification_curve(monkeypatch, capsys, tmp_path):
    f = 310e6 * (1 + 0.02 * np.linspace(-4, 4, 80))
    volts = rectification(f, 310e6, 0.02, 40.0, 0.2, 0.5) + np.random.default_rng(4).normal(0, 0.4, 80)
    path = tmp_path / "diode.csv"
    rows = "\n".join(f"{a / 1e6},{b}" for a, b in zip(f, volts * 1e-6 * 1e6, strict=True))
    path.write_text(f"frequency (MHz),voltage (uV)\n{rows}\n")
    options = ("--preset", "vortex_mtj", "--fit", path, "--power", "1 uW", "--no-spice", "-o", tmp_path / "d")
    status, out, _ = run(monkeypatch, capsys, "resonator", *options, "--json")
    assert status == 0
    found = json.loads(out)["fit"]["estimates"]
    for name, true in (("f0", 310e6), ("damping", 0.02), ("sensitivity", 40.0), ("psi", 0.2), ("background", 0.5)):
        assert abs(found[name]["value"] - true) < 4 * found[name]["error"], name
    with collected() as told:
        device = read_parameters(tmp_path / "d" / "fitted.toml").device
    assert [one.code for one in told] == ["unused-parameter"]
    assert f"psi = '{found['psi']['value']!r} rad'" in told[0].text
    assert device.sensitivity == pytest.approx(found["sensitivity"]["value"])
    second = tomllib.loads((tmp_path / "d" / "fitted.toml").read_text())["auto_oscillator"]
    assert float(second["psi"].split()[0]) == pytest.approx(found["psi"]["value"])
    assert second["nshift"] == "75 MHz"
    assert (tmp_path / "d" / "fit.png").is_file()
    status, out, _ = run(monkeypatch, capsys, "resonator", *options)
    assert status == 0
    assert "standard error" in out


@pytest.mark.parametrize("sensitivity", [40.0, -40.0])
def test_the_fitted_record_has_the_fitted_curve(sensitivity):
    f = 3e8 * (1 + 0.02 * np.linspace(-4, 4, 60))
    volts = rectification(f, 3e8, 0.02, sensitivity, 0.3)
    record, _ = fitted_record(TunedDiode(), fit_rectification((f, volts)), None)
    made = forced_voltage_per_watt(record.auto_oscillator(), f, 0.0)
    assert made == pytest.approx(volts, abs=0.02 * 40)


@pytest.mark.slow
def test_fit_of_one_port(monkeypatch, capsys, tmp_path):
    f = np.linspace(4.5e9, 5.5e9, 201)
    z = one_port(f, 5e9, 0.01, -30.0, 900.0)
    s = (z - 50) / (z + 50)
    path = tmp_path / "r.s1p"
    path.write_text("# Hz S RI R 50\n" + "\n".join(f"{a} {b.real} {b.imag}" for a, b in zip(f, s, strict=True)))
    arguments = ("--fit", path, "--bias", "5 uA", "--no-spice", "-o", tmp_path, "--json")
    status, out, _ = run(monkeypatch, capsys, "resonator", *arguments)
    assert status == 0
    values = {entry["name"]: entry["value"] for entry in json.loads(out)["parameters"]}
    assert values["resistance"] == pytest.approx(900, rel=1e-4)
    assert TunedDiode(**values).transduction == pytest.approx(-30 / 5e-6, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "possible: amplifier"),
        (["resonator", "--preset", "nonsense"], "possible: nanopillar_mtj"),
        (["macrospin", "--preset", "shno"], "macrospin with nanopillar_mtj"),
        (["resonator", "--set", "colour=1"], "NAME damping"),
        (["resonator", "--set", "f0=1 V"], "the unit is Hz"),
        (["resonator", "--fit", "nothing.csv"], "cannot be read"),
        (["resonator", "--set", "damping=1e-5"], "--no-spice"),
        (["macrospin", "--fit", "nothing.csv"], "resonet device resonator --fit"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    status, out, error = run(monkeypatch, capsys, *arguments, "-o", tmp_path / "never")
    assert status == 1
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not out
    assert not (tmp_path / "never").exists()


def test_the_tuned_diode_and_its_oscillator_agree():
    tuned = TunedDiode(damping=0.02, f0=3e9)
    assert asdict(tuned.auto_oscillator())["f0"] == 3e9
    assert tuned.auto_oscillator().damping == pytest.approx(0.02)


def test_a_long_source_is_printed_once(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(monkeypatch, capsys, "macrospin", "--preset", "nanopillar_mtj")
    assert code == 0
    words = " ".join(out.split())
    source = load_preset("nanopillar_mtj").source("macrospin", "msat")
    assert words.count(" ".join(source.split())) == 1
    assert words.count("[1]") > 10
