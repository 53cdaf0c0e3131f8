"""Whatever happens to its streams, its surroundings or its names, the command ends in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import complaint, heed_interrupts, save_model, small_nodes, small_weights

from resonet.cli import faults, show
from resonet.cli.faults import visible

ENTRY = [sys.executable, "-m", "resonet.cli.entry"]
WORDS = " ".join(ENTRY)


@pytest.fixture(scope="module")
def build(tmp_path_factory, small_model) -> Path:
    cwd = tmp_path_factory.mktemp("faults")
    subprocess.run([*ENTRY, "compile", small_model, "-o", "b"], cwd=cwd, check=True, capture_output=True)
    return cwd / "b"


def shell(script: str, cwd: Path, **environment: str):
    return subprocess.run(
        ["sh", "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cwd / "cache"), **environment},
    )


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        ("status b >&-", 1, "resonet: standard output is closed; possible: > FILE, or > /dev/null\n"),
        ("status b >&- 2>&-", 1, ""),
        ("status nope 2>&-", 1, ""),
        ("status nope 2>/dev/full", 1, ""),
        ("status b <&-", 0, ""),
        ("status b >/dev/full", 1, "resonet: standard output: No space left on device\n"),
        ("status b --json >/dev/full", 1, "resonet: standard output: No space left on device\n"),
        ("--help >/dev/full", 1, "resonet: No space left on device\n"),
        ("status b | head -c 5 >/dev/null", 0, ""),
        ("status b --json | head -c 0", 0, ""),
    ],
)
def test_streams_that_are_closed_full_or_left(build, script, code, line):
    done = shell(f"{WORDS} {script}", build.parent)
    assert (done.returncode, done.stderr) == (code, line)


def test_an_unbuffered_stream_that_is_full(build):
    done = shell(f"{WORDS} status b >/dev/full", build.parent, PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr) == (1, "resonet: standard output: No space left on device\n")


def test_a_closed_output_takes_no_file_of_ours(build):
    """The first file that is opened would get its number, and what is printed with it."""
    before = {path: path.read_bytes() for path in build.rglob("*") if path.is_file()}
    assert shell(f"{WORDS} crosstalk b >&-", build.parent).returncode == 1
    assert {path: path.read_bytes() for path in build.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("home", [None, "/proc/none", ""])
def test_without_a_home(build, home):
    """ngspice 39 breaks down without HOME; matplotlib and we want a cache."""
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
    environment |= {} if home is None else {"HOME": home}
    done = subprocess.run(
        [*ENTRY, "crosstalk", "b", "--layer", "conv1", "--program", "formula"],
        cwd=build.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment | {"NO_COLOR": str(home)},  # no record of the other
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("moment", ["resonet.cli.rerun", "resonet.api.replay", "rich.console", "resonet.core.files"])
def test_an_interrupt_while_it_is_being_imported(build, moment):
    """Ctrl-C at the import of a module, wherever that happens."""
    code = (
        "import builtins, os, signal, sys\n"
        "from resonet.cli import entry\n"
        "real = builtins.__import__\n"
        "def hooked(name, *rest, **more):\n"
        f"    if name == {moment!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = hooked\n"
        "sys.argv = ['resonet', 'status', 'b']\n"
        "entry.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=build.parent,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_interrupts,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "resonet: interrupted\n")


def test_an_interrupt_while_it_runs(build):
    code = (
        "import sys, signal\n"
        "from resonet.cli import entry\n"
        "from resonet.netlist.design import folder\n"
        "folder.load_design = lambda *a: signal.raise_signal(signal.SIGINT)\n"
        "sys.argv = ['resonet', 'status', 'b']\n"
        "entry.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=build.parent,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_interrupts,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "resonet: interrupted\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain µ 設計 [red]", "plain µ 設計 [red]"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x9b31m\x07", "\\x9b31m\\x07"),
        ("caf\udce9", "caf\\udce9"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
    ],
)
def test_what_a_terminal_would_do_more_than_print_is_shown(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "name", ["no\x1b[2Jpe", "no\x1b]0;title\x07pe", "caf\udce9", "tab\there", "blank 'and\" quote"]
)
def test_names_in_complaints(resonet, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for arguments in (["crosstalk", name], ["compile", name, "-o", "x"], ["accuracy", name, "--data", name]):
        told = complaint(resonet(*arguments))
        assert told.strip("\n").isprintable()
    told = resonet(name)
    assert (told.code, told.out) == (2, "")
    assert "\x1b" not in told.err
    told = resonet("transient", ".", "--layer", "x", "--chain", name)
    assert told.code == 2
    assert "\x1b" not in told.err


def test_names_in_results(resonet, tmp_path, monkeypatch, small_model):
    monkeypatch.chdir(tmp_path)
    folder = "b\x1b[2J 'a' \"q\"\x9b"
    told = resonet("compile", small_model, "-o", folder)
    assert (told.code, told.err) == (0, "")
    assert "12 decks in b\\x1b[2J 'a' \"q\"\\x9b" in told.out
    told = resonet("sparams", folder, "--layer", "conv1", "--points", 20)
    assert (told.code, told.err) == (0, "")
    assert "\x1b" not in told.out
    told = resonet("status", folder, "--json")
    assert told.code == 0
    assert "\x1b" not in told.out
    assert "\x9b" not in told.out
    assert "\\u001b[2J" in told.out


def test_things_of_another_kind(resonet, tmp_path, small_model):
    (tmp_path / "folder").mkdir()
    build = tmp_path / "b"
    assert resonet("compile", small_model, "-o", build).code == 0
    for arguments in (
        ["crosstalk", small_model],
        ["accuracy", build, "--data", tmp_path / "folder"],
        ["compile", tmp_path / "folder", "-o", tmp_path / "c"],
        ["compile", small_model, "-o", tmp_path / "c", "--design", tmp_path / "folder"],
        ["compile", small_model, "-o", tmp_path / "c", "--calibration", tmp_path / "folder"],
        ["device", "resonator", "--fit", tmp_path / "folder"],
        ["sweep", tmp_path / "folder", "--over", "plan.tile=8"],
        ["plan", tmp_path / "folder"],
    ):
        complaint(resonet(*arguments))


def test_errors_of_the_system(capsys):
    def run(error):
        def fail():
            raise error

        with pytest.raises(SystemExit) as caught:
            faults.guarded(fail)
        told = capsys.readouterr()
        return caught.value.code, told.out, told.err

    assert run(PermissionError(13, "Permission denied", "a/b")) == (1, "", "resonet: a/b: Permission denied\n")
    assert run(MemoryError()) == (1, "", run(MemoryError())[2])
    assert "not enough memory" in run(MemoryError())[2]
    assert run(BrokenPipeError(32, "Broken pipe")) == (1, "", "")
    assert run(KeyboardInterrupt()) == (130, "", "resonet: interrupted\n")
    with pytest.raises(ZeroDivisionError):  # a fault of ours is not hidden
        faults.guarded(lambda: 1 / 0)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_tables_at_any_width(monkeypatch, capsys, width):
    """Every number whole and with its name, no line longer than the terminal is wide: else row by row."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(show, "out", show._Console(highlight=False, emoji=False))
    columns = {"layer": "left"} | {f"number\n{n}": "right" for n in range(7)} | {"why": "left"}
    rows = [(f"conv{n}", *(f"{n}{k}.12345 dBm" for k in range(7)), "because of all that stands here") for n in range(3)]
    show.print_table("title", columns, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    needed = 2 * 9 + 1 + 7 * len("00.12345 dBm") + len("layer") + len("because")
    begins = [place for place, line in enumerate(lines) if line.lstrip().startswith("conv")]
    assert len(begins) == 3
    for n, (begin, end) in enumerate(zip(begins, [*begins[1:], len(lines)], strict=True)):
        told = lines[begin : begin + 1] if needed <= width else lines[begin:end]
        for k in range(7):
            assert f"{n}{k}.12345 dBm" in " ".join(told)
            assert needed <= width or any(line.split() == [*f"number {k} {n}{k}.12345 dBm".split()] for line in told)


def test_a_table_in_a_pipe_is_as_wide_as_it_has_to_be(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(show, "out", show._Console(highlight=False, emoji=False))
    show.print_table("title", {f"n{n}": "right" for n in range(9)}, [["123,456,789,012"] * 9])
    assert capsys.readouterr().out.count("\n") == 6


def test_layers_of_zeros_are_told(tmp_path, resonet):
    weights = small_weights()
    weights["w1"] = 0 * weights["w1"]
    model = save_model(tmp_path / "zero.onnx", small_nodes(), weights, (1, 8, 8), "y")
    for command in (("compile", model, "-o", tmp_path / "b"), ("crosstalk", tmp_path / "b", "--engine", "linear")):
        told = resonet(*command)
        assert told.code == 0
        said = "layer conv1: all its weights are zero; its errors are parts of what a resonator holds"
        assert [said in " ".join(told.out.split()), told.out.count("all its weights are zero")] == [True, 1]
