"""What was computed is kept and believed only while nothing that it depends on has changed."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from resonet.api import replay
from resonet.cli import entry, main, pages
from resonet.core import sources
from resonet.core.files import new_file
from resonet.cosim.feed.result_file import _write
from resonet.cosim.feed.store import (
    changed_parts,
    effective_path,
    result_parts,
    stored_effective_weights,
    stored_parts,
)
from resonet.cosim.ngspice import run as ngspice
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_model, small_design) -> Path:
    folder = tmp_path_factory.mktemp("store") / "design"
    write_design(small_design, small_model, folder)
    return folder


@pytest.fixture
def copy(tmp_path, built) -> Path:
    return shutil.copytree(built, tmp_path / "build")


def plain_page(folder: Path, effective, design) -> list[Path]:
    paths = [folder / "report" / f"weights.{kind}" for kind in ("png", "svg")]
    for path in paths:
        with new_file(path) as temporary:
            temporary.write_text(str([one.rms_error for layers in effective.values() for one in layers.values()]))
    return paths


@pytest.fixture
def resonet(monkeypatch, capsys, tmp_path):
    """The command as it is installed; how often something was really run."""
    monkeypatch.setattr(entry, "SELDOM", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pages, "weights_page", plain_page)  # figures take most of the time
    real, runs = main.main, []

    def counted():
        runs.append(1)
        real()

    monkeypatch.setattr(main, "main", counted)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["resonet", *map(str, arguments)])
        capsys.readouterr()
        runs.clear()
        with pytest.raises(SystemExit) as caught:
            entry.main()
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err, len(runs)

    return run


def test_a_result_is_written_as_xarray_writes_it(tmp_path):
    values = np.random.default_rng(1).normal(size=(1, 4, 9))
    variables = {
        "effective": (("group", "output", "tap"), values, {"units": "1", "long_name": "wéight"}),
        "crosstalk": (("bus", "victim", "aggressor"), np.full((2, 9, 9), np.nan), {"units": "1"}),
    }
    attributes = {"layer": "conv 設", "depends_on": '{"a": "b"}'}
    _write(tmp_path / "ours.nc", variables, attributes)
    xr.Dataset(variables, attrs=attributes).to_netcdf(tmp_path / "theirs.nc", engine="scipy")
    assert (tmp_path / "ours.nc").read_bytes() == (tmp_path / "theirs.nc").read_bytes()


def test_a_second_run_prints_the_same_and_runs_nothing(copy, resonet):
    first = resonet("crosstalk", copy)
    assert first[3] == 1
    second = resonet("crosstalk", copy)
    assert second[:3] == first[:3]
    assert second[3] == 0
    assert resonet("crosstalk", copy, "--json")[3] == 1  # another command
    assert resonet("crosstalk", copy)[3] == 0


@pytest.mark.slow
def test_a_second_run_imports_nothing_heavy(small_model, tmp_path):
    code = (
        "import sys; from resonet.cli import entry; entry.SELDOM = 0\n"
        "try: entry.main()\n"
        "finally: print(*[m for m in ('scipy', 'networkx', 'onnx', 'rich', 'typer') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "compile", str(small_model), "-o", str(tmp_path / "made")]
    told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines() for _ in range(2)]
    assert "onnx" in told[0][-1]
    assert told[1][-1] == ""
    assert told[1][:-1] == told[0][:-1]


def edit_parameter(copy, small_model):
    write = compile_cnn(small_model, read_parameters(settings=["device.damping=0.011"]))
    write_design(write, small_model, copy, force=True)


CHANGES = {
    "parameter": edit_parameter,
    "figure": lambda copy, _: (copy / "report" / "weights.png").write_bytes(b""),
    "figure gone": lambda copy, _: (copy / "report" / "weights.svg").unlink(),
    "result": lambda copy, _: (copy / "results" / "effective_conv1_coupled.nc").write_bytes(b"CDF"),
    "record": lambda copy, _: next((copy / "runs").glob("*.json")).write_text("{"),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:damaged-result")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_run_again(copy, resonet, small_model, change):
    first = resonet("crosstalk", copy)
    CHANGES[change](copy, small_model)
    second = resonet("crosstalk", copy)
    assert second[3] == 1
    assert (second[1] == first[1]) == (change != "parameter")
    assert resonet("crosstalk", copy)[3] == 0


def test_other_code_engine_libraries_or_terminal_run_again(copy, resonet, monkeypatch, tmp_path):
    resonet("crosstalk", copy)
    with monkeypatch.context() as patched:
        patched.setattr(replay, "source_hash", lambda *packages: "other")
        assert resonet("crosstalk", copy)[3] == 1
    resonet("crosstalk", copy)
    with monkeypatch.context() as patched:
        other = tmp_path / "spice"
        other.write_text(f'#!/bin/sh\nexec {ngspice.find_ngspice()} "$@"\n')
        other.chmod(0o755)
        patched.setenv("RESONET_NGSPICE", str(other))
        assert resonet("crosstalk", copy)[3] == 1
    resonet("crosstalk", copy)
    monkeypatch.setenv("NO_COLOR", "1")
    assert resonet("crosstalk", copy)[3] == 1


def test_the_hash_of_the_sources_sees_every_file(tmp_path, monkeypatch):
    root = Path(sources.__file__).parent.parent
    for package in ("models", "spice_lib"):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "core" / "sources.py"))
    plain = sources.source_hash.__wrapped__
    seen = {plain("models", "spice_lib")}
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix in sources.KINDS)
    for path in files:
        with path.open("a") as file:
            file.write(" ")
        seen.add(plain("models", "spice_lib"))
    assert len(seen) == len(files) + 1
    files[0].rename(files[0].with_name("other.py"))
    assert plain("models", "spice_lib") not in seen


@pytest.mark.slow
def test_calibrate_is_the_same_the_second_time_but_not_from_its_own_result(copy, resonet):
    assert resonet("calibrate", copy)[3] == 1
    program = (copy / "calibrated.npz").read_bytes()
    assert resonet("calibrate", copy)[3] == 0
    assert (copy / "calibrated.npz").read_bytes() == program
    assert [resonet("calibrate", copy, "--start", "calibrated")[3] for _ in range(2)] == [1, 1]


def test_compile_is_not_run_again_until_its_folder_changes(tmp_path, resonet, small_model):
    command = ("compile", small_model, "-o", tmp_path / "made")
    assert [resonet(*command)[3] for _ in range(2)] == [1, 0]
    (tmp_path / "made" / "program.npz").unlink()
    assert [resonet(*command)[3] for _ in range(2)] == [1, 0]


def test_errors_and_help_are_never_stored(copy, resonet):
    for _ in range(2):
        status, out, told, runs = resonet("crosstalk", copy, "--layer", "conv9")
        assert (status, out, runs) == (1, "", 1)
        assert "no such weighted layer" in told
        assert resonet("crosstalk", "--help")[3] == 1
    assert not (copy / "runs").exists()


def test_verdicts_with_status_1_are_stored(copy, resonet):
    arguments = ("sweep", copy, "--over", "plan.f_min=1GHz,30GHz", "--jobs", "1")
    first, second = resonet(*arguments), resonet(*arguments)
    assert first[0] == second[0] == 1
    assert (first[3], second[3]) == (1, 0)
    assert second[2] == first[2] != ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"out": "\x1b]0;title\x07"}, {"err": "\x1b[2J"}, {"arguments": ["\x1b[2J"]}, {"files": 3}, {"status": "0"}],
)
def test_a_record_that_somebody_made_is_not_shown(copy, resonet, change):
    first = resonet("crosstalk", copy)
    (path,) = (copy / "runs").glob("*.json")
    table = json.loads(path.read_text()) | change
    del table["own_hash"]
    path.write_text(json.dumps(table | {"own_hash": replay.Record(**table).own_hash}))
    assert replay.read_record(path) is None
    assert resonet("crosstalk", copy) == first
    assert "\x1b" not in resonet("status", copy)[1]


def test_a_record_that_was_damaged_is_not_shown(copy, resonet):
    """Every record carries a hash of itself: one number that is another is enough."""
    first = resonet("crosstalk", copy)
    (path,) = (copy / "runs").glob("*.json")
    whole = path.read_text()
    for old, new in (
        ("0.04 %", "0.05 %"),
        ("conv1", "conv2"),
        ('"status": 0', '"status": 1'),
        ("own_hash", "her_hash"),
    ):
        damaged = whole.replace(old, new, 1)
        path.write_text(damaged)
        assert damaged == whole or replay.read_record(path) is None
    path.write_text(whole)
    assert replay.read_record(path) is not None
    assert resonet("crosstalk", copy)[1] == first[1]


def test_the_engine_counts_by_its_content(copy, resonet, monkeypatch, tmp_path):
    """A program of the same place, size and date that computes otherwise is another engine."""
    other, real = tmp_path / "spice", ngspice.find_ngspice()
    monkeypatch.setenv("RESONET_NGSPICE", str(other))
    runs = []
    for remark in ("a", "b", "b"):
        other.write_text(f'#!/bin/sh\nexec {real} "$@" # {remark}\n')
        other.chmod(0o755)
        os.utime(other, (1, 1))
        runs.append(resonet("crosstalk", copy)[3])
    assert runs == [1, 1, 0]


def test_nothing_is_shown_again_where_a_plug_in_is_installed(copy, resonet, monkeypatch):
    resonet("crosstalk", copy)
    monkeypatch.setattr(replay, "plugged_groups", lambda: replay.UNKNOWN)
    assert resonet("crosstalk", copy)[3] == 1


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(copy, resonet, monkeypatch):
    (copy / "runs").write_text("a file")
    assert [resonet("crosstalk", copy)[::3] for _ in range(2)] == [(0, 1), (0, 1)]


# Results


def test_parts_say_what_changed(built, small_model, tmp_path):
    design = load_design(built)
    now = result_parts(design, "dense1", "coupled")
    changes = {
        "device.damping=0.011": ["device", "program"],
        "bus.node_capacitance=0.03 fF": ["bus", "channels"],
        "plan.fill=0.7": ["program"],
        "plan.tile=12": ["channels", "program"],
    }
    for setting, parts in changes.items():
        other = compile_cnn(small_model, read_parameters(settings=[setting]))
        assert changed_parts(now, result_parts(other, "dense1", "coupled")) == parts, setting
    assert changed_parts(now, result_parts(design, "dense1", "formula")) == ["program"]
    assert "weights" in changed_parts(now, result_parts(design, "conv1", "coupled"))
    assert changed_parts(None, now) == ["unreadable"]


def test_results_can_be_read_with_xarray(copy):
    found = stored_effective_weights(copy, load_design(copy), "coupled")["dense1"]
    path = effective_path(copy, "dense1", "coupled")
    with xr.open_dataset(path, engine="scipy") as data:
        assert np.array_equal(data["effective"].values, found.values)
        assert json.loads(data.attrs["depends_on"]) == stored_parts(path)


def test_two_that_want_one_result_compute_it_once(copy, monkeypatch):
    decks, real = [], ngspice.run_deck

    def counted(deck, *arguments, **options):
        decks.append(deck.name)
        return real(deck, *arguments, **options)

    monkeypatch.setattr(ngspice, "run_deck", counted)
    designs = [load_design(copy) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda design: stored_effective_weights(copy, design, "formula"), designs))
    assert sorted(decks) == ["conv1_dc0", "conv1_t0_rf", "dense1_dc0", "dense1_t0_rf"]
    assert all(np.array_equal(found[0]["conv1"].values, one["conv1"].values) for one in found)
