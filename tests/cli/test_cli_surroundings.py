"""What a run meets in its surroundings: folders that cannot be written, full disks, lying engines, edited names."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import complaint

from resonet.api import replay
from resonet.core import children
from resonet.core.errors import EngineError, InputError
from resonet.core.files import new_file
from resonet.core.validity import collected
from resonet.cosim.calibration.quantised import MOST_SPREAD, QuantisationOptions
from resonet.cosim.calibration.shared import SharingOptions
from resonet.cosim.cascade.image_run import RunOptions, default_stop, prepare, run_image
from resonet.cosim.ngspice import run as ngspice
from resonet.cosim.ngspice.program import find_ngspice
from resonet.cosim.sweep.axes import Spread, parse_axis
from resonet.netlist.design.folder import write_design
from resonet.netlist.network.images import read_images
from resonet.netlist.spice.deck import Deck
from resonet.report.characteristic_parts import Characteristic
from resonet.report.style import figure, finish, save

# Runs the true engine, and multiplies every value of its raw file but those of the axis.
FAKE = """#!{python} -I
import array, os, re, subprocess, sys
done = subprocess.run([{true!r}, *sys.argv[1:]])
if "--version" in sys.argv:
    sys.exit(done.returncode)
for path in [name for name in os.listdir() if name.endswith(".raw")]:
    head, mark, blob = open(path, "rb").read().partition(b"Binary:\\n")
    width = int(re.search(rb"No. Variables: *([0-9]+)", head)[1])
    parts = 2 if b"complex" in head else 1
    values = array.array("d", blob)
    axis = parts if re.search(rb"Plotname: (AC|Transient)", head) else 0
    for n in range(len(values)):
        values[n] *= 1.0 if n % (width * parts) < axis else {factor}
    open(path, "wb").write(head + mark + values.tobytes())
"""


@pytest.fixture
def scaled(tmp_path, monkeypatch):
    """Put an engine that multiplies its results in ngspice's place."""

    def put(factor: float) -> None:
        program = tmp_path / "scaled"
        program.write_text(FAKE.format(python=sys.executable, true=find_ngspice(), factor=factor))
        program.chmod(0o755)
        monkeypatch.setenv("RESONET_NGSPICE", str(program))

    return put


@pytest.fixture
def build(tmp_path, small_design, small_model) -> Path:
    write_design(small_design, small_model, tmp_path / "b")
    return tmp_path / "b"


# Engines


@pytest.mark.parametrize("factor", [2.0, -1.0, 1.01])
@pytest.mark.parametrize("name", ["line_rlc", "crossbar_cell", "resonator_full"])
def test_a_device_whose_engine_lies_is_an_error_with_both_numbers(scaled, resonet, tmp_path, monkeypatch, name, factor):
    monkeypatch.chdir(tmp_path)
    scaled(factor)
    told = complaint(resonet("device", name, "--json"))
    found = re.search(r"ngspice says (\S+), the model (\S+): (\S+) of the largest apart, allowed 0.0001", told)
    assert found is not None, told
    says, model = (complex(found[n].rstrip(",")) for n in (1, 2))
    assert says == pytest.approx(factor * model, rel=1e-4)


def test_the_verdict_on_a_device_is_at_its_limit():
    sheet, model = Characteristic(), np.array([1.0, 4.0])
    sheet.compare("largest", model + 0.0399, model, 0.01)
    assert sheet.deviation == {"largest": pytest.approx(0.0399 / 4)}
    for points in (model + 0.0401, np.array([np.nan, 4.0])):
        with pytest.raises(EngineError, match="neither is believed"):
            sheet.compare("largest", points, model, 0.01)
    with pytest.raises(EngineError, match=r"ngspice says 1\.02, the model 1: 0\.02 "):
        sheet.compare("each", np.array([1.02, 4.0]), model, 0.01, each=True)


@pytest.mark.parametrize(("code", "installs"), [(errno.EMFILE, False), (errno.ENOMEM, False), (errno.ENOEXEC, True)])
def test_an_engine_that_the_system_does_not_start(monkeypatch, tmp_path, code, installs):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(ngspice, "run_child", refuse)
    with pytest.raises(EngineError, match=re.escape(os.strerror(code))) as caught:
        ngspice.run_deck(Deck("probe", "* t\n.end\n"))
    assert ("apt-get" in str(caught.value)) is installs


def test_signals_have_names():
    assert children.ended_by(3) == "exit status 3"
    assert children.ended_by(-signal.SIGXFSZ) == "ended by SIGXFSZ (File size limit exceeded)"
    assert children.ended_by(-250) == "ended by signal 250"


def test_what_failed_runs_left_today_is_not_removed_by_others(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ngspice, "_kept", [])
    monkeypatch.setattr(ngspice, "run_child", lambda *_: children.Finished(1, b"", b""))
    old, now = time.time() - 2 * ngspice.DAY, time.time()
    for n in range(30):
        for name, when in ((f"old{n:02}", old + n), (f"new{n:02}", now - 60 + n)):
            path = tmp_path / f"{ngspice.FAILED}{name}"
            path.mkdir()
            os.utime(path, (when, when))
    for n in range(23):
        with pytest.raises(EngineError):
            ngspice.run_deck(Deck(f"d{n}", "* t\n.end\n"))
    left = {path.name.removeprefix(ngspice.FAILED) for path in tmp_path.iterdir()}
    assert {name for name in left if name.startswith("new")} == {f"new{n:02}" for n in range(30)}
    assert not any(name.startswith("old") for name in left)
    assert len(left) == 30 + 20


# Time


def test_a_long_stop_does_not_change_settling(small_design, small_images):
    hardware = prepare(small_design, "coupled", images=small_images)
    short = run_image(hardware, small_images, 0)
    long = run_image(hardware, small_images, 0, RunOptions(stop=0.4))
    assert (long.stop, long.step) == (0.4, short.step)
    assert long.latency == pytest.approx(short.latency, rel=1e-12)
    assert long.energy.total == pytest.approx(short.energy.total, rel=1e-12)
    assert long.answers["envelope"].logits == pytest.approx(long.answers["two-pass"].logits, rel=1e-6)


def test_too_few_steps_for_a_latency_are_a_warning(small_design, small_images, monkeypatch):
    from resonet.cosim.cascade import image_run

    hardware = prepare(small_design, "coupled", images=small_images)
    monkeypatch.setattr(image_run, "STEP", default_stop(hardware.levels) / 20)
    with collected() as found:
        run = run_image(hardware, small_images, 0)
    (warned,) = [entry for entry in found if entry.code == "coarse-grid"]
    assert (warned.value, warned.limit) == (pytest.approx(run.latency / run.step), 20)


# Ranges


@pytest.mark.parametrize("text", ["plan.p_max=1:2nW:2", "plan.p_max=1nW:2:2", "bus.node_capacitance=0:1fF:3:log"])
def test_ends_of_a_range_have_units_both_or_neither(text):
    with pytest.raises(InputError, match=r"one end has a unit and one has none, .*; possible: \w+ behind both ends"):
        parse_axis(text)


def test_ranges_with_units_at_both_ends_or_neither():
    assert parse_axis("plan.p_max=1nW:2nW:2").values == pytest.approx((1e-9, 2e-9), rel=1e-15)
    assert parse_axis("plan.p_max=1e-9:2e-9:3:lin").values == pytest.approx((1e-9, 1.5e-9, 2e-9), rel=1e-15)
    with pytest.raises(InputError, match=r"COUNT 1 \.\.\. 1,000,000"):
        parse_axis("device.damping=1e-3:1e-2:1000001")


@pytest.mark.parametrize("value", [-1.0, -1e-9, 10.001, 1e9])
def test_one_range_of_spread_everywhere(value):
    for made in (Spread, QuantisationOptions, SharingOptions):
        assert made(spread=MOST_SPREAD).spread == 10.0
        with pytest.raises(InputError, match=rf"spread = {re.escape(f'{value:g}')}: must be within 0 \.\.\. 10"):
            made(spread=value)
    for text in (f"spread={value}", f"spread={value},0.1", f"spread=0.1:{value}:3"):
        with pytest.raises(InputError, match=r"spread = \S+: must be within 0 \.\.\. 10"):
            parse_axis(text)


@pytest.mark.parametrize("kind", ["u1", "i8", "f4", "f8"])
def test_labels_that_are_whole_are_labels(tmp_path, kind):
    path = tmp_path / "set.npz"
    np.savez(path, images=np.zeros((3, 1, 2, 2), np.float32), labels=np.array([0, 1, 2], kind))
    assert read_images(path, (1, 2, 2)).labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("wrong", [0.5, np.nan, np.inf, 1e300])
def test_labels_that_are_not_whole_are_named(tmp_path, wrong):
    path = tmp_path / "set.npz"
    np.savez(path, images=np.zeros((2, 1, 2, 2), np.float32), labels=np.array([1.0, wrong]))
    with pytest.raises(InputError, match=rf"label 1 is {re.escape(str(wrong))}; possible: whole numbers"):
        read_images(path, (1, 2, 2))


# Files


def test_a_fault_of_writing_names_the_file_and_no_draft(tmp_path):
    path = tmp_path / "result.nc"
    for filename in (False, True):
        with pytest.raises(OSError, match="No space left") as caught, new_file(path) as draft:
            raise OSError(errno.ENOSPC, "No space left on device", *([str(draft)] * filename))
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    with pytest.raises(OSError, match="elsewhere") as caught, new_file(path):
        raise OSError(errno.EIO, "Input/output error", "elsewhere")
    assert caught.value.filename == "elsewhere"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_what_compile_was_writing(tmp_path, small_design, small_model, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_design(small_design, small_model, tmp_path / "b")
    assert caught.value.filename == str(tmp_path / "b" / "program.npz")
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_printed_where_figures_cannot_be_written(build, resonet):
    (build / "report").write_text("a file in the way")
    done = resonet("layout", build, "--layer", "conv1", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert [entry["code"] for entry in found["warnings"]] == ["not-written"] * 2
    assert f"{build}/report/layout_conv1_planar.png: not written" in found["warnings"][0]["text"]
    assert "-resonet-" not in done.err
    assert (found["figures"], found["layouts"][0]["resonators"]) == ([], 4 * 9 * 9)


def test_figures_that_were_asked_for_and_are_missing_are_exit_status_1(build, resonet, tmp_path):
    (tmp_path / "taken").write_text("")
    words = ("plan", build, "--layer", "conv1", "--tiles", "16", "--json")
    done = resonet(*words, "-o", tmp_path / "taken")
    assert (done.code, json.loads(done.out)["figures"]) == (1, [])
    assert resonet(*words).code == 0


def test_titles_are_of_characters_that_can_be_drawn(tmp_path):
    drawn = figure(3, 2)
    finish(drawn.subplots(), "out\x1b[31m\a of \u4e2d α", "x", "y")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png, svg = save(drawn, tmp_path, "f")
    assert png.stat().st_size > 1000
    (title,) = re.findall(r"<!-- (out.*?) -->", svg.read_text())
    assert title == r"out\x1b[31m\x07 of \u4e2d α"


def test_a_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert replay.runs_folder(["doctor"], tmp_path) == tmp_path / "home/.cache/resonet/runs"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert replay.runs_folder(["doctor"], tmp_path) == tmp_path / "cache/resonet/runs"


@pytest.mark.slow
def test_a_quick_start_leaves_nothing_stale(tmp_path, small_model, resonet):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OPENBLAS_NUM_THREADS": "1"}
    code = "from resonet.cli.rerun import known_or_run; known_or_run(0.0)"
    shutil.copy(small_model, tmp_path / "m.onnx")
    for words in ("-q compile m.onnx -o b", "plan b --tiles 16", "calibrate b"):
        command = [sys.executable, "-c", code, *words.split()]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    runs = json.loads(resonet("status", tmp_path / "b", "--json").out)["runs"]
    assert {run["what"].split()[1]: run["state"] for run in runs} == dict.fromkeys(
        ("calibrate", "plan", "compile"), "fresh"
    )


def test_the_readme_shows_options_that_a_network_of_ones_own_needs(
    tmp_path, small_model, small_images, resonet, monkeypatch
):
    """Every line of "Your own network" that takes seconds, as it stands there, on a network of somebody else."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_model, tmp_path / "model.onnx")
    labels = np.arange(len(small_images)) % 3
    for name in ("images.npz", "test.npz"):
        np.savez(tmp_path / name, images=small_images, labels=labels)
    text = (
        (Path(__file__).parents[2] / "README.md").read_text().partition("## Your own network")[2].partition("Every")[0]
    )
    lines = [line.partition("#")[0].split()[1:] for line in text.splitlines() if "bin/resonet" in line]
    assert len(lines) >= 20
    quick = ("compile", "calibrate", "accuracy", "layout", "levels", "run", "clean")
    chosen = [words for words in lines if words[0] in quick]
    assert [words[0] for words in chosen] == list(quick)
    for words in chosen:
        done = resonet(*words)
        assert done.code == 0, (words, done.err)
