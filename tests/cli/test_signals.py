"""Kills, signals, leftovers, full disks, a folder that others may not write: nothing lost, nothing left, one line."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import complaint, heed_interrupts

from resonet.core import leftovers
from resonet.core.files import new_file
from resonet.core.validity import Warned, collected
from resonet.cosim.feed.store import stored_effective_weights
from resonet.cosim.ngspice.program import find_ngspice
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.design.tidy import RUNS, Bound, too_many
from resonet.netlist.design.written import edited_files

COMMAND = [sys.executable, "-m", "resonet.cli.start"]


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_model, small_design) -> Path:
    folder = tmp_path_factory.mktemp("signals") / "design"
    write_design(small_design, small_model, folder)
    return folder


@pytest.fixture
def copy(tmp_path, built) -> Path:
    return shutil.copytree(built, tmp_path / "place" / "build")


@pytest.fixture
def hanging(tmp_path) -> dict[str, str]:
    """Surroundings in which ngspice never ends, has a child that never ends either, and says that it has started."""
    program, scratch = tmp_path / "hanging", tmp_path / "scratch"
    scratch.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *--version*) exec {find_ngspice()} --version;; esac\n'
        'sleep 1000 &\necho $$ $! >> "$STARTED"\nsleep 1000\n'  # a file that it named would be part of the engine
    )
    program.chmod(0o755)
    own = {"RESONET_NGSPICE": str(program), "TMPDIR": str(scratch), "STARTED": str(tmp_path / "started")}
    return os.environ | own | {"OPENBLAS_NUM_THREADS": "1"}


def wait_for(condition, seconds: float = 180, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for what a process brings about; it is ended where it does not, and what it said is told."""
    end = time.monotonic() + seconds
    while not condition():
        over = process is not None and process.poll() is not None
        if over or time.monotonic() > end:
            if process is None:
                pytest.fail("nothing happened")
            process.kill()
            pytest.fail(f"{'it ended' if over else 'nothing happened'}: {process.communicate(timeout=20)}")
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def drafts(place: Path) -> list[str]:
    return [str(path) for path in place.rglob("*") if leftovers.MARK.search(path.name)]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGTERM, ("crosstalk",)),
        (signal.SIGHUP, ("crosstalk",)),
        (signal.SIGKILL, ("crosstalk",)),
        (signal.SIGINT, ("sweep", "--over=device.damping=0.01:0.02:4", "--engine=ngspice", "--jobs=2")),
    ],
)
def test_signals_end_the_engines_and_leave_nothing(copy, hanging, tmp_path, number, words):
    process = subprocess.Popen(
        [*COMMAND, words[0], str(copy), *words[1:]], env=hanging, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, preexec_fn=heed_interrupts,
    )  # fmt: skip
    started = tmp_path / "started"
    wait_for(
        lambda: started.is_file() and started.read_text().count("\n") >= (2 if len(words) > 1 else 1), process=process
    )
    engines = [int(word) for word in started.read_text().split()]
    assert all(map(alive, engines))
    if len(words) > 1:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=20)
    if number == signal.SIGKILL:
        assert process.returncode == -9
    else:
        assert (process.returncode, out) == (128 + number, b"")
        assert err.decode() == f"resonet: ended by {signal.Signals(number).name}\n"
        assert drafts(tmp_path) == []
        assert list((tmp_path / "scratch").iterdir()) == []
    wait_for(lambda: not any(map(alive, engines)), 5)
    for place in (tmp_path / "scratch", copy / "results"):
        leftovers.sweep(place)
    assert load_design(copy)
    assert drafts(tmp_path) == []


def test_signals_that_were_ignored_stay_ignored(copy, hanging):
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from resonet.core.signals import heed_signals; heed_signals()\n"
        "os.kill(os.getpid(), signal.SIGHUP); print('still here', flush=True); os.kill(os.getpid(), signal.SIGTERM)\n"
        "import time; time.sleep(20)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "still here\n", "resonet: ended by SIGTERM\n")


def test_what_the_dead_left_is_swept_and_what_the_living_use_is_not(tmp_path, monkeypatch):
    own = leftovers.draft_path(tmp_path, "mine.txt", ".txt")
    own.touch()
    dead = leftovers.MARK.sub(lambda m: m[0].replace(f"-{m[3]}-", "-1-"), own.name)  # a process of another start
    for name in (dead, f"other{dead}", ".plain-abcd1234", "a.txt"):
        (tmp_path / name).touch()
    foreign = leftovers.MARK.sub(lambda m: m[0].replace(m[1], "0" * 8), own.name)
    (tmp_path / foreign).touch()
    assert leftovers.sweep(tmp_path) == [tmp_path / dead]
    os.utime(tmp_path / foreign, (0, 0))
    assert leftovers.sweep(tmp_path) == [tmp_path / foreign]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [own.name, f"other{dead}", ".plain-abcd1234", "a.txt"]
    )
    leftovers.forget_draft(own)


def test_a_process_that_nobody_waited_for_is_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert leftovers._start(process.pid) is None
    assert leftovers._start(os.getpid())
    process.wait()


def test_a_design_whose_exchange_was_killed_comes_back(copy, small_design):
    name = leftovers.draft_path(copy.parent, f"{copy.name}-old").name
    old = copy.parent / leftovers.MARK.sub(lambda m: m[0].replace(f"-{m[3]}-", "-1-"), name)
    old.mkdir()
    copy.rename(old / copy.name)
    leftovers.sweep_once.cache_clear()
    assert load_design(copy).cnn.sha256 == small_design.cnn.sha256
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


# A compilation in the place of another


def test_another_design_is_replaced_only_by_force_and_keeps_what_holds(copy, small_model, small_design, resonet):
    assert resonet("calibrate", copy).code == 0
    stored_effective_weights(copy, load_design(copy), "coupled")
    (copy / "notes.txt").write_text("mine")
    kept = {path: path.read_bytes() for path in [*copy.glob("results/*.nc"), copy / "calibrated.npz"]}
    assert resonet("compile", small_model, "-o", copy).code == 0  # the same design: nothing is lost
    assert {path: path.read_bytes() for path in kept} == kept
    told = complaint(resonet("compile", small_model, "-o", copy, "--set", "device.damping=0.011"))
    assert "another design is there (other device.damping" in told
    assert "lost would be the calibrated program" in told
    assert told.rstrip().endswith("possible: another folder, or --force")
    assert load_design(copy).plan.device.damping == 0.01
    assert resonet("compile", small_model, "-o", copy, "--set", "device.damping=0.011", "--force").code == 0
    assert not (copy / "calibrated.npz").exists()
    assert (copy / "notes.txt").read_text() == "mine"
    assert all(path.exists() for path in kept if path.suffix == ".nc")
    assert resonet("compile", small_model, "-o", copy, "--force").code == 0  # back again: results hold once more
    assert resonet("status", copy, "--json").out.count('"fresh"') >= 2


def test_edited_decks_and_libraries_are_told(copy, resonet, small_design, small_model):
    assert edited_files(copy) == {}
    deck, lib = copy / "decks" / "coupled" / "conv1_t0_rf.cir", copy / "decks" / "lib" / "resonator.lib"
    deck.write_text(deck.read_text() + "* mine\n")
    lib.write_text("")
    (copy / "decks" / "formula" / "conv1_dc0.cir").unlink()
    wanted = {
        "decks/lib/resonator.lib": "edited",
        "decks/coupled/conv1_t0_rf.cir": "edited",
        "decks/formula/conv1_dc0.cir": "missing",
    }
    assert edited_files(copy) == wanted
    with collected() as warnings:
        load_design(copy)
    [one] = warnings
    assert isinstance(one, Warned)
    assert (one.code, one.value, one.limit) == ("edited-deck", 3, 0)
    assert "resonet runs decks and libraries of its own" in one.text
    with collected():
        told = resonet("status", copy).out
        assert all(name in told for name in wanted)
        assert "edits of decks/lib/resonator.lib and 1 more" in complaint(resonet("compile", small_model, "-o", copy))
        assert resonet("compile", small_model, "-o", copy, "--force").code == 0
    assert edited_files(copy) == {}


# Bounds


def test_bounds_take_the_oldest_and_never_the_fresh(tmp_path):
    paths = [tmp_path / f"{n}.json" for n in range(10)]
    for n, path in enumerate(paths):
        path.write_bytes(b"x" * 100)
        os.utime(path, (1e9 + n, 1e9 + n))
    paths[0].touch()  # just used
    assert set(too_many(paths, Bound(4, 10**9))) == set(paths[1:7])
    assert set(too_many(paths, Bound(100, 350))) == set(paths[1:8])
    assert too_many(paths, RUNS) == []


def test_clean_says_and_removes_what_is_stale(copy, resonet, small_model):
    stored_effective_weights(copy, load_design(copy), "coupled")
    fresh, stale = (copy / "results" / f"effective_{layer}_coupled.nc" for layer in ("conv1", "dense1"))
    stale.write_bytes(b"CDF")
    left = copy / "results" / leftovers.MARK.sub(
        lambda m: m[0].replace(f"-{m[3]}-", "-1-"), leftovers.draft_path(copy, "x.nc", ".nc").name
    )  # fmt: skip
    told = resonet("clean", copy, "--dry-run")
    assert told.code == 0
    assert stale.exists()
    left.touch()
    assert "damaged" in resonet("clean", copy, "--json").out
    assert fresh.exists()
    assert not stale.exists()
    assert not left.exists()
    resonet("clean", copy, "--all")
    assert not fresh.exists()
    assert load_design(copy)


# Disks


def test_a_full_disk_is_one_line_and_harms_nothing(copy, tmp_path, small_model):
    before = {path: path.read_bytes() for path in sorted(copy.rglob("*")) if path.is_file()}
    sizes = random.Random(3).sample(range(200, 6_000), 3)
    for size in sizes:
        done = subprocess.run(
            [*COMMAND, "compile", str(small_model), "-o", str(copy), "--set=plan.tile=12", "--force"],
            preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
            capture_output=True, text=True, check=False, env=dict(os.environ, OPENBLAS_NUM_THREADS="1"),
        )  # fmt: skip
        assert done.returncode == 1, size
        assert done.stderr.startswith("resonet: ")
        assert done.stderr.count("\n") == 1, done.stderr
        assert {path: path.read_bytes() for path in sorted(copy.rglob("*")) if path.is_file()} == before
        assert [path.name for path in copy.parent.iterdir()] == ["build"]


def test_a_draft_is_renamed_or_gone(tmp_path):
    def fail() -> None:
        with new_file(tmp_path / "a") as draft:
            draft.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert list(tmp_path.iterdir()) == []
    with new_file(tmp_path / "a", durable=True) as draft:
        draft.write_text("whole")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "whole")]


def test_many_runs_in_one_process_hold_its_memory(small_design):
    """A soak of a few seconds; benchmarks/kill_and_fill.py has the long one."""
    from resonet.cosim.weights.engines import linear, ngspice

    plan, entry = small_design.plan, small_design.plan.layer("conv1")
    f_res = small_design.program("coupled").layer("conv1").f_res
    page = resource.getpagesize()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page

    for _ in range(5):
        ngspice.with_jobs(1)(plan, entry, f_res)
    before = resident()
    for _ in range(15):
        found = ngspice.with_jobs(1)(plan, entry, f_res)
    assert np.allclose(found.gains[0], linear(plan, entry, f_res).gains[0], rtol=1e-6)
    assert resident() - before < 5 << 20


def test_compile_reads_its_own_parameters(copy, small_model):
    design = compile_cnn(small_model, read_parameters(copy / "design.toml"))
    assert write_design(design, small_model, copy) > 0  # the same: no force is needed
