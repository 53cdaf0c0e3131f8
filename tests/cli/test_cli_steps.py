"""What stands around every command: version, how far it is, how loud it is, what comes next."""

import io
import re
import sys
import time
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from resonet.cli import steps
from resonet.cli.main import app
from resonet.cli.registry import command_names, find_command
from resonet.cli.rerun import _command_first
from resonet.cli.runner import _follow, log
from resonet.cosim.ngspice.run import run_deck
from resonet.netlist.spice.deck import Deck


def test_version():
    found = CliRunner().invoke(app, ["--version"])
    assert (found.exit_code, found.stdout) == (0, f"resonet {version('resonet')}\n")


@pytest.fixture
def told(monkeypatch):
    """The process's own stderr, where lines are due every 30 ms."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    monkeypatch.setattr(steps, "EVERY", 0.03)
    return stream


def test_lines_without_a_terminal(told):
    with steps.progress("weights\x1b", 4) as done:
        time.sleep(0.1)
        done()
        time.sleep(0.1)
    lines = told.getvalue().splitlines()
    assert all(line.startswith("resonet: weights\\x1b: ") for line in lines)
    assert re.search(r": 0 of 4 after 0 s$", lines[0])
    assert re.search(r": 1 of 4 after 0 s(, about 0 s left)?$", lines[-1])
    after = len(lines)
    time.sleep(0.1)
    assert len(told.getvalue().splitlines()) == after


def test_the_time_that_is_left(monkeypatch):
    lines = steps._Lines("images", 10)
    lines.begin -= 300
    for _ in range(4):
        lines.step()
    assert lines.line() == "resonet: images: 4 of 10 after 5 min, about 8 min left\n"  # 300 s for 4, 450 s for 6
    lines.begin, lines.last = lines.begin - 500, lines.last - 500
    assert lines.line() == "resonet: images: 4 of 10 after 13 min\n"  # a step that takes longer: nobody knows


def test_quiet_is_quiet(told):
    token = steps.quiet.set(True)
    try:
        with steps.progress("weights", 4) as done:
            done()
            time.sleep(0.1)
    finally:
        steps.quiet.reset(token)
    assert told.getvalue() == ""


def test_what_comes_next_is_a_command():
    followed = {name: find_command(name).then for name in command_names()}
    for then in filter(None, followed.values()):
        assert find_command(then.split()[0]) is not None
        assert "{folder}" in then
    assert followed["compile"].startswith("calibrate")


def test_verbose_names_the_runs_of_the_engine(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    lines = [
        "divider",
        "v1 a 0 1",
        "r1 a b 1k",
        "r2 b 0 1k",
        ".op",
        ".control",
        "run",
        "write divider.raw",
        ".endc",
        ".end",
    ]
    root = log.parent
    try:
        _follow()
        run_deck(Deck("divider", "\n".join(lines) + "\n"))
    finally:
        root.handlers.clear()
        root.setLevel("NOTSET")
    assert re.search(r"resonet: ngspice: divider: \d+\.\d\d s", stream.getvalue())


def test_options_of_all_commands_may_stand_before_the_command():
    """The run is recorded as the same one, so that the report finds it."""
    assert _command_first(["-q", "--strict", "accuracy", "build"]) == ["accuracy", "build", "-q", "--strict"]
    assert _command_first(["accuracy", "-q", "build"]) == ["accuracy", "-q", "build"]
    assert _command_first(["-q", "accuracy", "--", "build"]) == ["-q", "accuracy", "--", "build"]
    assert _command_first(["-q"]) == ["-q"]
