"""Options of `resonet sparams`: each changes the block's S or is refused; limits of what is swept; names of results."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import skrf

from resonet.cli.main import main
from resonet.models.line.lines import LosslessLine
from resonet.netlist.design.folder import write_design
from resonet.sparams.block import Block, LineBranch, Port
from resonet.sparams.build import combiner_block, tee_block
from resonet.sparams.extract import extract
from resonet.sparams.window import PARTS

F = np.linspace(0.4e9, 30e9, 101)


@pytest.fixture(scope="module")
def folder(small_design, small_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("sparams") / "build"
    write_design(small_design, small_model, path)
    return path


@pytest.fixture(scope="module")
def files(small_design, tmp_path_factory):
    """A measured part of every kind, none of them as its model: made for 47 ohm, a line of 45 ohm."""
    home, circuit = tmp_path_factory.mktemp("parts"), small_design.plan.circuit
    line = Block("line", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, LosslessLine(45.0, 2e-12)),))
    blocks = {"tee": tee_block(circuit), "combiner": combiner_block(9, circuit), "line": line, "package": line}
    found = {}
    for kind, block in blocks.items():
        network = extract(block, F)
        network.renormalize(47.0)
        network.z0 = 50.0
        found[kind] = home / f"{kind}.s{network.nports}p"
        network.write_touchstone(str(found[kind]))
    return found


@pytest.fixture
def resonet(monkeypatch, capsys, folder):
    """Run `resonet sparams` in this process: status, output, errors in one line."""

    def run(*arguments):
        given = ["--layer", "conv1", "--points", "20", "--engine", "linear", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", ["resonet", "sparams", str(folder), *given])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, " ".join(told.err.replace("│", " ").split())

    return run


def s_of(told):
    assert told[0] == 0, told[2]
    return skrf.Network(json.loads(told[1])["touchstone"][-1]).s


@pytest.mark.parametrize("block", PARTS)
def test_an_option_changes_the_block_or_is_refused(resonet, files, block):
    live = ["--bias", "5uA"] if block == "chain" else []  # without a current all chains are resistors
    whole = s_of(resonet("--block", block, *live, "--json"))
    options = [["--part", f"{kind}={file}"] for kind, file in files.items()] + [["--chain", 1], ["--bias", "6uA"]]
    refused = set()
    for option in options:
        told = resonet("--block", block, *live, *option, "--json")
        if told[0]:
            assert "changes nothing" in told[2]
            refused.add(option[1].partition("=")[0] if option[0] == "--part" else option[0])
            continue
        found = s_of(told)
        assert found.shape != whole.shape or np.abs(found - whole).max() > 1e-6, option
    held = {"chain": set(), "bus": {"--chain"}}.get(block, {"--chain", "--bias"})
    assert refused == {kind for kind in files if kind not in PARTS[block]} | held


def test_refusals_name_what_there_is(resonet, files):
    for block, possible in (("chain", "tee=FILE, package=FILE"), ("tee", "tee=FILE")):
        told = resonet("--block", block, "--part", f"line={files['line']}")
        assert f"changes nothing, block {block} holds no line; possible: {possible}; line with --block bus" in told[2]
    assert resonet("--block", "tee", "--sweep", "bias=0:5uA:3")[0] == 2
    for option, value in (("--passive-tolerance", "1dB"), ("--tuning-width", "2um"), ("--drift", "tcf=1e-4")):
        told = resonet("--sweep", "bias=0:5uA:3", option, value)
        assert told[0] == 2
        assert f"{option}: changes nothing here; possible: with --" in told[2]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--bias", "101uA"], "bias 0.000101 A; possible: -0.0001 ... 0.0001 A (ten times the threshold current)"),
        (["--sweep", "bias=0:101uA:21"], "bias 0.000101 A; possible: -0.0001 ... 0.0001 A"),
        (["--sweep", "bias=-0.2mA:0:21"], "bias -0.0002 A; possible: -0.0001 ... 0.0001 A"),
        (["--sweep", "bias=0:10:21"], "--bias = 10: must be within -1 ... 1 A"),
        (["--bias", "5"], "--bias = 5: must be within -1 ... 1 A"),
        (["--sweep", "tuning=0:1MA:3"], "--sweep tuning = 1e+06: must be within -1 ... 1 A"),
        (["--sweep", "temperature=250:1001:3"], "--sweep temperature = 1001: must be within 1 ... 1000 K"),
        (["--sweep", "tuning=0:1mA:3", "--tuning-width", "1km"], "--tuning-width = 1000: must be within 1e-09 ... 0.1"),
        (["--sweep", "temperature=250:350:3", "--drift", "tcf=7"], "--drift = 7: must be within -0.1 ... 0.1 1/K"),
        (["--start", "1e20Hz"], "--start = 1e+20: must be within 1 ... 1e+15 Hz"),
    ],
)
def test_one_range_for_an_option_and_a_sweep(resonet, folder, option, message):
    before = sorted(folder.rglob("*"))
    code, out, err = resonet(*option)
    assert (code, out) == (1, "")
    assert message in err
    assert sorted(folder.rglob("*")) == before


def test_results_with_and_without_a_part_stand_side_by_side(resonet, files):
    plain = json.loads(resonet("--json")[1])
    other = json.loads(resonet("--part", f"tee={files['tee']}", "--json")[1])
    assert set(plain["touchstone"]).isdisjoint(other["touchstone"])
    assert set(plain["figures"]).isdisjoint(other["figures"])
    assert all(Path(file).is_file() for file in plain["touchstone"] + other["touchstone"])
    assert "measured tee: tee.s3p, sha256 " in Path(other["touchstone"][0]).read_text()
    files["tee"].write_text(files["tee"].read_text() + "! another file\n")
    assert set(json.loads(resonet("--part", f"tee={files['tee']}", "--json")[1])["touchstone"]).isdisjoint(
        other["touchstone"]
    )


def test_a_measurement_with_gain_is_said(resonet, tmp_path):
    network = skrf.Network(json.loads(resonet("--json")[1])["touchstone"][0])
    for gain, told in ((1.0, []), (1.005, []), (800.0, ["measured-gain"])):
        other = network.copy()
        other.s = network.s * gain
        other.write_touchstone(str(tmp_path / "measured"), form="ma")
        found = json.loads(resonet("--compare", tmp_path / "measured.s2p", "--json")[1])["warnings"]
        assert [entry["code"] for entry in found] == told
        if told:
            largest = np.linalg.svd(other.s, compute_uv=False).max()
            assert (found[0]["value"], found[0]["limit"]) == pytest.approx((largest, 10 ** (0.1 / 20)), rel=1e-3)
