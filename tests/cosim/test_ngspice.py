"""The ngspice driver: every way to fail is an EngineError with its log and run folder; raw files."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from resonet.cosim.ngspice import run as ngspice
from resonet.cosim.ngspice.raw import RawError, read_raw
from resonet.cosim.ngspice.run import EngineError, find_ngspice, ngspice_version, run_deck, run_decks
from resonet.netlist.spice.deck import Deck


def deck(name: str, lines: str, analysis: str = ".op", commands: str = "run") -> Deck:
    control = f".control\nset filetype=binary\n{commands}\nwrite {name}.raw\nquit\n.endc\n.end\n"
    return Deck(name, f"* {name}\n{lines}\n{analysis}\n{control}")


def divider(name: str, resistance: float) -> Deck:
    return deck(name, f"v1 a 0 dc 1\nr1 a b 1k\nr2 b 0 {resistance!r}")


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """Where run folders are made."""
    folder = tmp_path / "räume mit Leerzeichen"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a shell script in ngspice's place."""

    def put(body: str, first: str = "#!/bin/sh\n") -> Path:
        program = tmp_path / f"fake{len(list(tmp_path.glob('fake*')))}"
        program.write_text(first + body)
        program.chmod(0o755)
        monkeypatch.setenv("RESONET_NGSPICE", str(program))
        return program

    return put


def failure(broken: Deck, runs: Path, timeout: float = 60) -> EngineError:
    """Run a deck that must fail; the error carries what is needed to look into it."""
    with pytest.raises(EngineError, match=f"ngspice on {broken.name}: ") as caught:
        run_deck(broken, timeout)
    error = caught.value
    assert error.folder is not None
    assert error.folder.parent == runs
    assert str(error).endswith(f"; run folder {error.folder}")
    assert (error.folder / "decks" / f"{broken.name}.cir").read_text() == broken.text
    assert (error.folder / "ngspice.log").read_bytes().decode() == error.log
    assert "\n" not in str(error)
    return error


def test_a_good_deck_gives_its_numbers_and_leaves_nothing(runs):
    [plot] = run_deck(divider("good", 3e3))
    assert plot.name == "Operating Point"
    assert plot.columns(["v(b)", "v(a)"])[0] == pytest.approx([0.75, 1.0], rel=1e-9)
    assert list(runs.iterdir()) == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (deck("missing", "x1 a 0 nosuch\nv1 a 0 1"), "unknown subckt: x1 a 0 nosuch"),
        (deck("loop", "v1 a 0 dc 1\nv2 a 0 dc 2\nr1 a 0 1k"), "singular matrix"),
        (deck("floating", "i1 0 a dc 1\nc1 a 0 1p"), "singular matrix"),
        (deck("syntax", "v1 a 0 1\nr1 a 0 {1 +"), "error"),
        (deck("nolib", '.include "../lib/none.lib"\nv1 a 0 1\nr1 a 0 1k'), "Could not find include file"),
        (deck("noanalysis", "v1 a 0 1\nr1 a 0 1k", analysis=""), "an empty result"),
        (deck("novector", "v1 a 0 1\nr1 a 0 1k\n.save v(zz)"), "no data saved"),
        (Deck("nowrite", "* t\nv1 a 0 1\nr1 a 0 1k\n.op\n.control\nrun\nquit\n.endc\n.end\n"), "no usable result"),
        (Deck("status", "* t\nv1 a 0 1\nr1 a 0 1k\n.op\n.control\nquit 3\n.endc\n.end\n"), "exit status 3"),
    ],
    ids=lambda value: value.name if isinstance(value, Deck) else "",
)
def test_broken_decks(runs, broken, words):
    error = failure(broken, runs)
    assert words.lower() in str(error).lower()
    assert "Note: " in error.log


@pytest.mark.slow
def test_a_run_without_end_is_stopped(runs):
    endless = deck("endless", "v1 a 0 sin(0 1 1g)\nr1 a b 1k\nc1 b 0 1p", ".tran 1p 1 0 1p")
    start = time.monotonic()
    error = failure(endless, runs, timeout=1)
    assert "no end after 1 s" in str(error)
    assert time.monotonic() - start < 10


HEADER = "Title: t\\nPlotname: {name}\\nFlags: real\\nNo. Variables: {width}\\nNo. Points: {points}\\nVariables:\\n"
HEADER += "\\t0\\ttime\\ttime\\n\\t1\\tv(a)\\tvoltage\\nBinary:\\n"


def raw(points=1, width=2, name="Transient Analysis", data="") -> str:
    """Shell command that writes a raw file of that header and data (octal)."""
    return f"printf '{HEADER.format(points=points, width=width, name=name)}{data}' > probe.raw\n"


ZERO, NAN = "\\000" * 8, "\\000" * 6 + "\\370\\177"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo what is this; echo cannot do >&2", "no usable result"),
        ("exit 7", "exit status 7"),
        ("kill -9 $$", "ended by SIGKILL (Killed)"),
        ("echo 'Error: licence expired' >&2", "Error: licence expired"),
        (": > probe.raw", "an empty result"),
        ("echo hello > probe.raw", "no binary section after byte 0"),
        (raw(points=0), "an empty result"),
        (raw(points=2, data=ZERO * 3), "cut short, 24 of 32 bytes"),
        (raw(points=-1), "-1 points"),
        (raw(width=3, data=ZERO * 3), "3 variables, 2 of them named"),
        (raw(points="many"), "header without"),
        (raw(data=ZERO + NAN), "values that are not finite"),
        ("mkdir probe.raw", "no usable result"),
        ("printf '\\377\\376 \\303' >&2; exit 1", "exit status 1"),
    ],
)
def test_programs_that_are_no_ngspice(runs, fake, body, words):
    fake(body)
    assert words in str(failure(Deck("probe", "* t\n.end\n"), runs))


def test_zeros_are_refused_unless_they_are_expected(runs, fake):
    fake(raw(points=2, data=ZERO * 4))
    probe = Deck("probe", "* t\n.end\n")
    assert "every vector of the Transient Analysis is zero, such as v(a)" in str(failure(probe, runs))
    assert run_deck(probe, silent=True)[0].data.tolist() == [[0, 0], [0, 0]]


def test_what_a_stopped_program_said_is_kept(runs, fake):
    fake("echo got this far; exec sleep 60")
    assert "got this far" in failure(Deck("probe", "* t\n.end\n"), runs, timeout=5).log


@pytest.mark.parametrize("program", ["/nonexistent", "no-such-program-anywhere"])
def test_missing_program(monkeypatch, program):
    monkeypatch.setenv("RESONET_NGSPICE", program)
    with pytest.raises(EngineError, match=f"no program '{program}' here; install it with: apt-get install ngspice"):
        find_ngspice()


def test_nothing_on_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv("RESONET_NGSPICE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="no program 'ngspice' here; install it with: apt-get install ngspice"):
        run_deck(divider("a", 1e3))


def test_a_program_that_cannot_be_executed(runs, fake):
    program = fake("\x00\x01", first="\x7fnot an executable")
    with pytest.raises(EngineError, match="does not tell an ngspice version"):
        ngspice_version(str(program))
    assert "does not run (Exec format error); install it" in str(failure(Deck("probe", "* t\n"), runs))


def test_version(fake):
    assert float(ngspice_version(find_ngspice()).split("+")[0]) >= 30
    for body in ("true", "echo 'Simulator 2000'", "printf '\\377\\376'"):
        with pytest.raises(EngineError, match="does not tell an ngspice version"):
            ngspice_version(str(fake(body)))


def test_many_decks_keep_their_order():
    resistances = [1e3, 2e3, 5e3, 1e4, 3e3]
    steps = []
    decks = [divider(f"d{n}", r) for n, r in enumerate(resistances)]
    plots = run_decks(decks, jobs=2, done=lambda: steps.append(1))
    found = [plot.columns(["v(b)"])[0, 0] for [plot] in plots]
    assert found == pytest.approx([r / (r + 1e3) for r in resistances], rel=1e-9)
    assert len(steps) == 5


def test_a_failure_cancels_the_decks_that_wait(monkeypatch, runs):
    started = []

    def broken(wanted: Deck, **options) -> list:
        started.append(wanted.name)
        time.sleep(0.1)
        raise EngineError(f"ngspice on {wanted.name}: broken")

    monkeypatch.setattr(ngspice, "run_deck", broken)
    with pytest.raises(EngineError, match="ngspice on d0: broken"):
        run_decks([divider(f"d{n}", 1e3) for n in range(20)], jobs=1)
    assert started[0] == "d0"
    assert len(started) <= 3


def test_an_interruption_leaves_no_run_folder(monkeypatch, runs):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(ngspice, "run_child", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_deck(divider("a", 1e3))
    assert list(runs.iterdir()) == []


def test_a_ctrl_c_that_reaches_ngspice_is_an_interruption(fake, runs):
    # Not by the shell's own kill: in the background a shell ignores the signal, and so would its script.
    die = "import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), 2)"
    fake(f'exec "{sys.executable}" -c "{die}"')
    with pytest.raises(KeyboardInterrupt):
        run_deck(divider("a", 1e3))
    with pytest.raises(KeyboardInterrupt):
        run_decks([divider("a", 1e3), divider("b", 1e3)], jobs=1)
    assert list(runs.iterdir()) == []


@pytest.fixture(scope="module")
def two_plots(tmp_path_factory) -> bytes:
    """Raw file of an .ac (complex) and an .op (real) of an RC low pass."""
    both = "ac lin 3 1k 3k\nwrite both.raw\nset appendwrite\nop"
    folder = tmp_path_factory.mktemp("both")
    (folder / "both.cir").write_text(deck("both", "v1 a 0 dc 2 ac 1\nr1 a b 1k\nc1 b 0 1u", "", both).text)
    run = [find_ngspice(), "-n", "-b", "both.cir"]
    subprocess.run(run, cwd=folder, capture_output=True, check=True, timeout=60)
    return (folder / "both.raw").read_bytes()


def test_two_plots_in_one_file(tmp_path, two_plots):
    path = tmp_path / "both.raw"
    path.write_bytes(two_plots)
    ac, op = read_raw(path)
    assert (ac.name, op.name) == ("AC Analysis", "Operating Point")
    assert ac.data.dtype == np.complex128
    assert op.data.dtype == np.float64
    assert ac.axis == pytest.approx([1e3, 2e3, 3e3])
    assert ac.columns(["v(b)"])[:, 0] == pytest.approx(1 / (1 + 2e-3j * np.pi * ac.axis), rel=1e-9)
    assert op.columns(["v(b)", "i(v1)"])[0] == pytest.approx([2.0, 0.0], abs=1e-9)
    with pytest.raises(RawError, match=r"no v\(c\) in the plot 'Operating Point' \(3 variables\)"):
        op.columns(["v(b)", "v(c)"])


def test_a_raw_file_cut_anywhere_is_refused(tmp_path, two_plots):
    path = tmp_path / "cut.raw"
    whole = two_plots.index(b"Title:", 1)  # a cut right between the plots leaves one that is whole
    for size in {*range(1, len(two_plots), 7), len(two_plots) - 1} - {whole}:
        path.write_bytes(two_plots[:size])
        with pytest.raises(RawError, match=r"cut\.raw: "):
            read_raw(path)


def test_a_missing_vector_is_an_engine_error(small_design, monkeypatch):
    from resonet.cosim.weights import passes

    real = passes.run_decks

    def renamed(*arguments, **options):
        return [
            [type(p)(p.name, tuple(f"{v}?" for v in p.variables), p.data) for p in plots]
            for plots in real(*arguments, **options)
        ]

    monkeypatch.setattr(passes, "run_decks", renamed)
    with pytest.raises(EngineError, match=r"no i\(v\.xr0_0\.vdc\) in the plot"):
        passes.dc_gains(small_design.hardware("conv1", "coupled"))
