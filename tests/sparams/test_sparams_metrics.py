"""Metrics against closed forms; the data sheet and its limits; `resonet sparams` beyond the chain."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skrf

from resonet.cli.main import main
from resonet.core.errors import InputError
from resonet.core.parameters import record_from_table, table_from_record
from resonet.models.circuit.bus import BusCircuit
from resonet.models.line.lines import LosslessLine
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.limits import Limits
from resonet.netlist.design.parameters import read_parameters
from resonet.report.sparam_figures import PLOTS, compare_figure, sweep_figure, waterfall_figure
from resonet.sparams.block import Block, LineBranch, Lumped, Port, with_impedance
from resonet.sparams.build import RowOfLines, Stand, bus_block, chain_block, row_block, tee_block
from resonet.sparams.extract import extract, to_network
from resonet.sparams.metrics import (
    adjacent_isolation,
    adjacent_rejection,
    asymmetry,
    channel_metrics,
    gain_excess,
    group_delay,
    line_crosstalk,
    resonance_metrics,
)
from resonet.sparams.sheet import judge, judge_crosstalk, layer_sheet
from resonet.sparams.window import default_grid, design_block

STAND = Stand(BusCircuit(), SpinDiode())
TONES = np.geomspace(20e9, 1e9, 9)


def notch(f0, quality=60.0, resistance=200.0):
    inductance = quality * resistance / (2 * np.pi * f0)
    capacitance = 1 / ((2 * np.pi * f0) ** 2 * inductance)
    series = [("l", 1, 3, inductance), ("c", 3, 4, capacitance), ("r", 4, 0, resistance)]
    elements = [Lumped(kind, np.array([a]), np.array([b]), np.array([x])) for kind, a, b, x in series]
    return Block("notch", (Port("a", 1), Port("b", 2)), (*elements, LineBranch(1, 2, LosslessLine(50.0, 1e-13))))


@pytest.mark.parametrize(("resistance", "quality"), [(200.0, 60.0), (4.0, 500.0)])
def test_a_notch_of_known_constants(resistance, quality):
    f0 = 5e9
    found = resonance_metrics(extract(notch(f0, quality, resistance), np.linspace(4e9, 6e9, 401)), np.array([f0]))
    share = resistance / (resistance + 25)
    assert found.centre[0] == pytest.approx(f0, rel=1e-4)
    assert found.loaded_q[0] == pytest.approx(quality * share, rel=2e-3)
    assert found.bandwidth[0] == pytest.approx(f0 / (quality * share), rel=2e-3)
    assert found.unloaded_q[0] == pytest.approx(quality, rel=5e-3)
    assert found.depth[0] == pytest.approx(20 * np.log10(share), abs=0.02)


def test_scikit_rf_gives_the_same_q():
    from skrf.qfactor import Qfactor

    network = extract(notch(5e9, 500.0, 200.0), np.linspace(4.95e9, 5.05e9, 201))
    theirs = Qfactor(network.s21, res_type="absorption")
    theirs.fit()
    ours = resonance_metrics(network, np.array([5e9]))
    assert ours.loaded_q[0] == pytest.approx(theirs.Q_L, rel=2e-3)
    assert ours.unloaded_q[0] == pytest.approx(theirs.Q_unloaded(A=1.0), rel=2e-2)


def test_no_resonance_is_nan():
    found = resonance_metrics(extract(tee_block(STAND.circuit), np.linspace(1e9, 2e9, 101)), np.array([1.5e9]), 2, 0)
    assert np.isnan(found.centre[0])


def test_resonances_of_a_biased_chain():
    network = extract(chain_block(TONES, STAND, 5e-6), np.geomspace(0.5e9, 25e9, 2001))
    found = resonance_metrics(network, TONES)
    assert found.loaded_q == pytest.approx(np.full(9, 50.0), rel=5e-3)
    assert found.centre == pytest.approx(TONES, rel=1e-3)
    rejection = adjacent_rejection(found, TONES)
    ratio = 20 ** (1 / 8)
    assert rejection[0] == pytest.approx(10 * np.log10(1 + (100 * (1 - 1 / ratio)) ** 2), abs=0.1)


def test_channels_of_a_lossless_line():
    line = Block("line", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, LosslessLine(50.0, 1e-10)),))
    network = extract(line, np.linspace(1e9, 10e9, 2001))
    assert group_delay(network) == pytest.approx(np.full(2001, 1e-10), rel=1e-4)
    channels = channel_metrics(network, np.array([2e9, 7e9]))
    assert channels.insertion_loss == pytest.approx([0, 0], abs=1e-3)
    assert channels.return_loss.min() > 200
    assert channels.group_delay == pytest.approx([1e-10, 1e-10], rel=1e-3)
    with pytest.raises(InputError, match=r"possible: 1e\+09 \.\.\. 1e\+10 Hz"):
        channel_metrics(network, np.array([20e9]))


def test_crosstalk_of_weakly_coupled_lines():
    ind, c, length = 4e-7, 1.6e-10, 1e-3
    for mutual, coupling, far in ((4e-10, 0.0, -1), (0.0, 1.6e-13, 1)):
        row = row_block(RowOfLines(3, 0.0, ind, 0.0, c, length, mutual, coupling, 16), STAND)
        f = np.linspace(1e9, 25e9, 49)
        found = line_crosstalk(extract(row, f), 3)
        phase = 2 * np.pi * f[-1] * np.sqrt(ind * c) * length
        kappa = mutual / ind + coupling / c
        near = 20 * np.log10(kappa / 2 * np.sin(phase))
        forward = 20 * np.log10(kappa / 2 * phase)
        assert found.near[1, 0] == pytest.approx(near, abs=0.15), far
        assert found.far[1, 0] == pytest.approx(forward, abs=0.15), far
        assert np.isnan(found.near[0, 0])
        assert found.near[2, 0] < found.near[1, 0] - 40
        assert found.near_sum[1] == pytest.approx(near + 3.01, abs=0.15)  # two neighbours
    with pytest.raises(InputError, match="6 ports; possible: 8"):
        line_crosstalk(extract(row, f), 4)
    assert [v.passed for v in judge_crosstalk(found, Limits(next_level=-40.0, fext_level=-80.0))] == [True, False]


def test_isolation_of_a_combiner_on_a_matched_bus():
    # Open-ended inputs see each other only over the bus: S = gain² Γ(bus) with the chains as its load.
    f = np.sort(TONES)
    network = extract(bus_block(np.tile(TONES, (2, 1)), STAND), f)
    isolation = adjacent_isolation(network, TONES)
    assert isolation.shape == (9,)
    assert isolation == pytest.approx(np.full(9, -20 * np.log10(1 / 9)), abs=1.5)
    assert gain_excess(network) <= 1e-12
    assert asymmetry(network) <= 1e-12
    skewed = network.copy()
    skewed.s[0, 0, 1] += 0.1
    assert asymmetry(skewed) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def folder(small_design, small_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("sparams") / "build"
    write_design(small_design, small_model, path)
    return path


def test_limits_are_kept_in_the_design(small_design, small_model, tmp_path):
    assert small_design.parameters.limits == Limits()
    parameters = read_parameters(settings=["limits.insertion_loss=10 dB", "limits.next_level=-40 dB"])
    assert (parameters.limits.insertion_loss, parameters.limits.next_level) == (10.0, -40.0)
    strict = replace(small_design, parameters=parameters)
    write_design(strict, small_model, tmp_path / "b")
    assert load_design(tmp_path / "b").parameters.limits == parameters.limits
    with pytest.raises(InputError, match=r"limits.next_level = 3"):
        read_parameters(settings=["limits.next_level=3 dB"])


def test_data_sheet(small_design):
    sheet = layer_sheet(small_design, "conv1", "coupled", chain=1)
    assert sheet.passed
    assert sheet.resonances.loaded_q == pytest.approx(np.full(9, 50.0), rel=0.02)
    assert np.abs(sheet.resonances.centre / TONES - 1).max() < 0.011
    assert sheet.channels.insertion_loss.shape == sheet.isolation.shape == (9,)
    strict = replace(
        small_design,
        parameters=replace(small_design.parameters, limits=Limits(insertion_loss=1.0, isolation=60.0, rejection=10.0)),
    )
    judged = layer_sheet(strict, "conv1", "coupled")
    verdicts = {v.name: v.passed for v in judged.verdicts}
    assert not judged.passed
    assert [name for name, passed in verdicts.items() if passed is False] == ["insertion_loss", "isolation"]
    assert [name for name, passed in verdicts.items() if passed] == ["rejection", "gain_excess", "asymmetry"]


def test_nothing_is_judged_that_nobody_asked(small_design):
    """Old designs hold every default, written out: they ask as little as a missing one."""
    limits = record_from_table(Limits, table_from_record(Limits()), "limits")
    old = {"insertion_loss": "300 dB", "return_loss": "0.0 dB", "next_level": "0 dB", "group_delay": "1 s"}
    assert record_from_table(Limits, old, "limits") == limits
    f = np.linspace(1e9, 2e9, 11)
    network = skrf.Network(f=f, f_unit="Hz", s=np.tile([[0.1, 0.5], [0.5, 0.1]], (11, 1, 1)), z0=50.0)
    channels, lost = channel_metrics(network, f[[2, 8]]), np.array([20.0, np.nan])
    found = {v.name: v for v in judge(channels, lost, lost, [network], limits)}
    assert {name for name, v in found.items() if v.passed is not None} == {"gain_excess", "asymmetry"}
    assert [(found[name].unit, found[name].side) for name in ("insertion_loss", "isolation", "group_delay")] == [
        ("dB", "most"),
        ("dB", "least"),
        ("s", "most"),
    ]
    assert found["insertion_loss"].found == pytest.approx(20 * np.log10(2))
    asked = Limits(insertion_loss=7.0, return_loss=30.0, isolation=10.0, rejection=10.0)
    found = {v.name: v.passed for v in judge(channels, lost, np.array([np.inf]), [network], asked)}
    assert found["insertion_loss"] is True
    assert found["return_loss"] is False
    assert found["isolation"] is False  # one of them was not found: it holds nothing
    assert found["rejection"] is None  # a single channel has no neighbour


def test_blocks_of_a_design(small_design):
    assert design_block(small_design, "dense1", "coupled", "bus").port_names[:2] == ["in0", "in1"]
    assert design_block(small_design, "conv1", "coupled", "combiner").port_names[-1] == "bus"
    assert design_block(small_design, "conv1", "coupled", "tee").port_names == ["rf", "dc", "head"]
    grid = default_grid(small_design, "conv1")
    assert (grid[0], grid[-1]) == pytest.approx((0.5e9, 25e9))
    with pytest.raises(InputError, match=r"no chain 9; possible: 0 \.\.\. 3"):
        design_block(small_design, "conv1", "coupled", "chain", chain=9)
    with pytest.raises(InputError, match="possible: chain, bus, combiner, tee"):
        design_block(small_design, "conv1", "coupled", "moon")


@pytest.fixture
def resonet(monkeypatch, capsys):
    """Run `resonet sparams` in this process: status, output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["resonet", "sparams", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err

    return run


@pytest.mark.slow
def test_command_on_a_bus(resonet, folder, tmp_path):
    part = tmp_path / "tee.s3p"
    tee = extract(tee_block(STAND.circuit), np.linspace(0.4e9, 30e9, 101))
    tee.write_touchstone(str(part))
    compared = tmp_path / "measured.ts"
    options = ["--layer", "conv1", "--block", "bus", "--ports", "in0,in3,dc1", "--z0", "in3=75", "--points", "60"]
    options += ["--touchstone", "2", "--part", f"tee={part}", "--plot", "db", "--plot", "isolation", "--json"]
    code, out, err = resonet(folder, *options)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [p["name"] for p in found["ports"]] == ["in0", "in3", "dc1"]
    assert found["parts"][0]["rms_error"] < 1e-6
    network = skrf.Network(found["touchstone"][0])
    assert network.z0[0].real.tolist() == [50, 75, 50]
    assert all(Path(path).is_file() for path in found["figures"])
    assert len(found["figures"]) == 4
    compared.write_bytes(Path(found["touchstone"][0]).read_bytes())
    again = json.loads(resonet(folder, *options, "--engine", "ngspice", "--compare", compared)[1])
    assert again["compare"]["rms"] < 1e-9
    assert again["compare"]["frequencies"] == len(network.f)


def test_one_rule_says_which_engine(resonet, folder):
    # Who computes depends on the number of ports, never on what else is asked for, and is always said.
    def engine(*options):
        code, out, err = resonet(folder, "--layer", "conv1", "--points", "20", "--json", *options)
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert f"_{found['engine']}_" in found["name"]
        return found["engine"]

    chains = (
        [],
        ["--z0", "75Ohm"],
        ["--touchstone", "2"],
        ["--plot", "smith"],
        ["--block", "chain"],
        ["--bias", "5uA"],
    )
    assert {engine(*options) for options in (*chains, ["--block", "tee"])} == {"ngspice"}
    assert {engine("--block", block) for block in ("bus", "combiner")} == {"linear"}
    assert engine("--block", "bus", "--ports", "in0,in1") == "ngspice"
    assert engine("--engine", "linear") == "linear"
    text = resonet(folder, "--layer", "conv1", "--points", "20", "--metrics")[1]
    assert "conv1_t0_chain0_ngspice_coupled: 2 ports" in text
    assert "computed by ngspice" in " ".join(text.split())
    assert "bus t0, by linear" in text


def hfss(network):
    """As HFSS writes what it has not renormalised: the impedances stand in comments only."""
    lines = ["! Touchstone file exported from HFSS 2021.1.0", "!Data is not renormalized", "# GHZ S RI"]
    for f, s, z0 in zip(network.f, network.s, network.z0, strict=True):
        entries = (s[0, 0], s[1, 0], s[0, 1], s[1, 1])
        lines.append(" ".join(repr(float(x)) for x in (f / 1e9, *(v for e in entries for v in (e.real, e.imag)))))
        lines.append("! Gamma ! 0.1 20 0.1 20")
        lines.append("! Port Impedance" + " ".join(f"{float(z.real)!r} {float(z.imag)!r}" for z in z0))
    return "\n".join(lines) + "\n"


def glued(network):
    """An option line that glues the resistance to its R."""
    return hfss(network).replace("# GHZ S RI", f"# GHZ S RI R{network.z0[0, 0].real:g}").replace("!Data is not", "!")


@pytest.mark.parametrize("written", [hfss, lambda n: "".join(x for x in glued(n).splitlines(True) if "! " not in x)])
def test_a_file_in_75_ohm_is_the_same_network(resonet, folder, tmp_path, written):
    options = ["--layer", "conv1", "--points", "40", "--engine", "linear", "--json"]
    ours = skrf.Network(json.loads(resonet(folder, *options)[1])["touchstone"][0])
    moved = ours.copy()
    moved.renormalize(75.0)
    assert np.abs(moved.s - ours.s).max() > 0.005
    path = tmp_path / "measured.s2p"
    path.write_text(written(moved))
    code, out, err = resonet(folder, *options, "--compare", path)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["warnings"] == []
    assert found["compare"]["rms"] < 1e-12
    assert max(entry["largest_db"] for entry in found["compare"]["entries"]) < 1e-9


def test_how_a_file_was_read_is_a_warning(resonet, folder, tmp_path):
    options = ["--layer", "conv1", "--points", "20", "--engine", "linear", "--json"]
    ours = skrf.Network(json.loads(resonet(folder, *options)[1])["touchstone"][0])
    path = tmp_path / "measured.s2p"
    path.write_text(hfss(ours).replace("! Port Impedance", "! "))
    code, out, err = resonet(folder, *options, "--compare", path, "--strict")
    assert code == 1
    assert err.startswith(f"resonet: warning [touchstone-impedance] {path}: line 2 says 'Data is not renormalized'")
    assert err.rstrip().endswith("(50 Ohm, limit 50 Ohm)")
    told = json.loads(out)["warnings"]
    assert [(entry["code"], entry["value"], entry["unit"]) for entry in told] == [("touchstone-impedance", 50, "Ohm")]


def test_a_part_keeps_to_its_tolerance(resonet, folder, tmp_path):
    tee = extract(tee_block(STAND.circuit), np.linspace(0.4e9, 30e9, 101))
    tee.s = tee.s * 1.005 / np.linalg.svd(tee.s, compute_uv=False).max()
    tee.write_touchstone(str(tmp_path / "tee.s3p"))
    options = ["--layer", "conv1", "--points", "20", "--engine", "linear", "--part", f"tee={tmp_path / 'tee.s3p'}"]
    code, out, err = resonet(folder, *options, "--json")
    assert code == 0
    assert json.loads(out)["parts"][0]["data_gain"] == pytest.approx(1.005)
    gain = next(entry for entry in json.loads(out)["warnings"] if entry["code"] == "part-gain")
    assert (gain["value"], gain["limit"]) == (pytest.approx(1.005), 1)
    assert "resonet: warning [part-gain] part tee tee.s3p: the file has 0.043 dB of gain, the model has none" in err
    assert "+0.043 dB" in resonet(folder, *options)[1]
    code, out, err = resonet(folder, *options, "--passive-tolerance", "0.01dB")
    assert (code, out) == (1, "")
    assert "not passive, 1.005 times the amplitude comes out" in " ".join(err.split())


@pytest.mark.slow
def test_command_with_metrics_sweep_and_refined_grid(resonet, folder):
    options = ["--layer", "conv1", "--bias", "5uA", "--engine", "linear", "--points", "50"]
    code, out, err = resonet(folder, *options, "--metrics", "--sweep", "tuning=0:20mA:5", "--plot", "waterfall")
    assert (code, err) == (0, "")
    assert "note: grid refined around 9 resonances" in out
    assert "tuning_waterfall.png" in out.replace("\n", "")
    assert re.search(r"insertion_loss +[\d.]+ dB +- +not judged", out)
    assert re.search(r"gain_excess +\S+ +at most 1e-06 +pass", out)
    sheet = json.loads(resonet(folder, *options, "--metrics", "--json")[1])["metrics"]
    assert {*sheet["channels"], *sheet["resonances"], "isolation", "rejection"} == set(sheet["units"])
    assert {row["name"]: row["unit"] for row in sheet["limits"]}["group_delay"] == "s"
    text = (folder / "design.toml").read_text()
    try:
        (folder / "design.toml").write_text(text.replace('insertion_loss = "300.0 dB"', 'insertion_loss = "3 dB"'))
        code, out, err = resonet(folder, "--layer", "conv1", "--block", "tee", "--points", "20", "--metrics")
    finally:
        (folder / "design.toml").write_text(text)
    assert code == 1
    assert "FAIL" in out
    assert err.strip() == "resonet: layer conv1: outside its limits"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--block", "bus", "--ports", "in0,in77"], 1, "no port 'in77'; possible: in0"),
        (["--part", "tee=/nowhere/x.s3p"], 1, "no such file"),
        (["--part", "tee"], 1, "possible: tee=FILE"),
        (["--block", "chain", "--program", "calibrated"], 1, "no calibrated program yet; possible: formula, coupled"),
        (["--part", "antenna=x.s2p"], 1, "part 'antenna': unknown"),
        (["--compare", "/nowhere/x.s2p", "--engine", "linear"], 1, "no such file"),
        (["--plot", "pie", "--engine", "linear"], 1, "plot 'pie': unknown; possible: db, phase, smith"),
        (["--plot", "waterfall"], 2, "a waterfall needs --sweep"),
        (["--sweep", "tuning=0:1mA"], 1, "possible: bias=0:10uA:21"),
        (["--sweep", "tuning=0:1mA:99999"], 1, "possible: 2 ... 401"),
        (["--z0", "-4", "--engine", "linear"], 1, "--z0 = -4: must be within 0.001 ... 1e+06 Ohm"),
        (["--start", "3GHz", "--stop", "1GHz", "--engine", "linear"], 1, "possible: 0 < start < stop"),
    ],
)
def test_what_a_user_gets_wrong(resonet, folder, options, code, message):
    before = sorted(folder.rglob("*"))
    status, out, err = resonet(folder, "--layer", "conv1", "--points", "30", *options)
    assert (status, out) == (code, "")
    assert message in " ".join(err.replace("│", " ").split())
    assert sorted(folder.rglob("*")) == before  # nothing half-done


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLOTS)
def test_figures_are_drawn(kind, tmp_path):
    f = np.geomspace(0.5e9, 25e9, 30)
    for block in (chain_block(TONES, STAND), tee_block(STAND.circuit), bus_block(np.tile(TONES, (20, 1)), STAND)):
        drawn = PLOTS[kind](extract(block, f), TONES)
        assert drawn.axes[0].get_title(loc="left").startswith(block.name.replace("_", " "))
        drawn.savefig(tmp_path / "x.png")
    one = extract(with_impedance(notch(5e9), 50.0), f)
    single = to_network(Block("one", (Port("a", 1),), ()), f, one.s[:, :1, :1])
    PLOTS[kind](single, None).savefig(tmp_path / "y.png")


@pytest.mark.slow
def test_swept_figures(tmp_path):
    f, values = np.linspace(1e9, 2e9, 20), np.array([0.0, 1.0, 2.0])
    networks = [extract(chain_block(TONES * (1 + 0.01 * v), STAND, 5e-6), f) for v in values]
    change = waterfall_figure(networks, values, "tuning current, mA", reference=networks[0])
    mesh = change.axes[0].collections[0].get_array()
    assert np.abs(np.asarray(mesh).reshape(3, 20)[0]).max() == 0
    assert change.axes[1].get_ylabel() == "change of |S|, mdB"
    for drawn in (change, sweep_figure(networks, values, "mA"), compare_figure(networks[0], networks[1])):
        drawn.savefig(tmp_path / "x.png")
