"""Commands come from one table, their help shows what was written, and no option is dropped."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Annotated, get_args

import numpy as np
import pytest
import typer
from conftest import RNG, complaint, entries

from resonet.cli import registry
from resonet.cli.options import Applies, Json
from resonet.cli.registry import PANELS, Command, command_names, find_command
from resonet.cli.show import print_json
from resonet.core import plugins
from resonet.core.errors import InputError
from resonet.core.validity import warn


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "600")


def letters(text: str) -> str:
    """Without white space and the lines of boxes."""
    return "".join(c for c in text if not c.isspace() and not "\u2500" <= c <= "\u257f")


@pytest.mark.parametrize("name", command_names())
def test_help_shows_every_text_as_it_was_written(resonet, wide, name):
    told = resonet(name, "--help")
    assert (told.code, told.err) == (0, "")
    function = find_command(name).function
    assert letters(inspect.getdoc(function)) in letters(told.out)
    for annotation in function.__annotations__.values():
        for info in get_args(annotation):
            if text := getattr(info, "help", None):
                assert letters(text) in letters(told.out)


def test_the_list_of_commands_is_grouped(resonet, wide):
    told = resonet("--help").out
    places = [told.index(f"─ {panel.capitalize()} ─") for panel in PANELS if panel != "export"]
    assert places == sorted(places)
    for name in command_names():
        assert letters(name + find_command(name).function.__doc__.split("\n")[0]) in letters(told)


def test_the_list_of_commands_is_light():
    code = (
        "import sys; from resonet.cli import entry; sys.argv = ['resonet', '--help']\n"
        "try: entry.main()\n"
        "except SystemExit: print(*[m for m in ('numpy', 'scipy', 'matplotlib', 'quantiphy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def install_only(monkeypatch):
    """Let these entry points be all that is installed."""

    def install(*points):
        monkeypatch.setattr(plugins, "installed", lambda: EntryPoints(points))

    return install


@pytest.fixture
def plugged(monkeypatch):
    """Add commands of a plug-in package that is only here."""
    install = install_only(monkeypatch)

    def add(name, command):
        module = ModuleType("plug_in_of_a_test")
        module.COMMAND = command
        monkeypatch.setitem(sys.modules, module.__name__, module)
        install(EntryPoint(name, f"{module.__name__}:COMMAND", registry.GROUP))

    return add


def weigh(
    chains: Annotated[int, typer.Argument(help="Chains [n].")],
    heavy: Annotated[bool, typer.Option(help="All of them.")] = False,
    as_json: Json = False,
) -> None:
    """Weigh chains.

    Example: resonet weigh 3
    """
    if heavy:
        warn("coarse-grid", "a balance of a plug-in", 7.0, 1.0, "Hz")
    print_json({"grams": chains * 0.5 if chains else float("nan"), "array": np.arange(2), "one": np.int64(1)})


def test_a_command_of_a_plug_in(resonet, plugged, wide):
    plugged("weigh", Command("tools", weigh))
    assert "Weigh chains." in resonet("--help").out
    assert "Chains [n]." in resonet("weigh", "--help").out
    told = resonet("weigh", 3)
    assert json.loads(told.out) == {
        "grams": 1.5,
        "array": [0, 1],
        "one": 1,
        "schema": "resonet.weigh/1",
        "warnings": [],
    }
    assert json.loads(resonet("weigh", 0).out)["grams"] is None


@pytest.mark.parametrize(
    ("arguments", "code"), [(("weigh", 3, "--heavy"), 0), (("weigh", 3, "--heavy", "--strict"), 1)]
)
def test_warnings_are_printed_and_in_json(resonet, plugged, arguments, code):
    plugged("weigh", Command("tools", weigh))
    for told in (resonet(*arguments), resonet("--strict", *arguments) if code else resonet(*arguments)):
        assert told.code == code
        assert told.err == "resonet: warning [coarse-grid] a balance of a plug-in (7 Hz, limit 1 Hz)\n"
        assert json.loads(told.out)["warnings"] == [
            {"code": "coarse-grid", "text": "a balance of a plug-in", "value": 7.0, "limit": 1.0, "unit": "Hz"}
        ]


def test_strict_without_warnings_is_fine(resonet, plugged):
    plugged("weigh", Command("tools", weigh))
    assert resonet("--strict", "weigh", 3, "--strict").code == 0


def test_plug_ins_that_cannot_be_used(resonet, plugged, monkeypatch):
    plugged("plan", Command("tools", weigh))
    assert "there is a command plan already" in complaint(resonet("plan", "x"))
    plugged("weigh", weigh)
    assert "command weigh: <function weigh" in complaint(resonet("weigh", 3))
    install_only(monkeypatch)(EntryPoint("weigh", "nowhere_at_all:COMMAND", registry.GROUP))
    assert "nowhere_at_all:COMMAND" in complaint(resonet("weigh", 3))
    told = resonet("--help")
    assert told.code == 0
    assert "crosstalk" in told.out
    with pytest.raises(InputError, match="nowhere_at_all"):
        find_command("weigh")


def test_a_wrong_name_is_corrected(resonet):
    told = resonet("crostalk")
    assert told.code == 2
    assert "Did you mean 'crosstalk'" in told.err


# Options that do not apply


@pytest.fixture
def build(tmp_path, small_model, resonet):
    assert resonet("compile", small_model, "-o", tmp_path / "build").code == 0
    return tmp_path / "build"


@pytest.mark.parametrize(
    ("arguments", "option", "need"),
    [
        (["sneak", "BUILD", "--layer=conv1", "--feed=bus", "--data=im.npz"], "--data", "--feed stripline"),
        (["sneak", "BUILD", "--layer=conv1", "--feed=bus", "--engine=ngspice"], "--engine", "--feed stripline"),
        (["sneak", "BUILD", "--layer=conv1", "--feed=bus", "--chains=3"], "--chains", "--feed stripline"),
        (["sneak", "BUILD", "--layer=conv1", "--feed=bus", "--set=geometry.pitch_x=2um"], "--set", "--feed stripline"),
        (["calibrate", "BUILD", "--engine=linear", "--jobs=2"], "--jobs", "--engine"),
        (["accuracy", "BUILD", "--data=im.npz", "--engine=linear", "--jobs=2"], "--jobs", "--engine"),
        (["quantise", "BUILD", "--seed=3"], "--seed", "with --spread"),
        (["plan", "BUILD", "--preset=vortex_mtj"], "--preset", "with a network"),
        (["plan", "BUILD", "--input-shape=1,8,8"], "--input-shape", "with a network"),
        (["sweep", "BUILD", "--over=plan.tile=8,16", "--data=im.npz"], "--data", "with --measure accuracy"),
        (["sweep", "BUILD", "--over=plan.tile=8,16", "--model=net.onnx"], "--model", "where the source is a TOML"),
        (["sweep", "BUILD", "--over=plan.tile=8,16", "--seed=2"], "--seed", "with --spread"),
        (
            ["sweep", "BUILD", "--over=plan.tile=8", "--jobs=1", "--scheduler=tcp://h:1"],
            "--jobs",
            "without --scheduler",
        ),
        (["run", "BUILD", "--engine=two-pass", "--stop=1us"], "--stop", "with --engine fixed_step"),
        (["run", "BUILD", "--points=20"], "--points", "with --engine transient"),
        (["device", "list", "--preset=vortex_mtj"], "--preset", "with one device"),
        (["device", "resonator", "--power=1uW"], "--power", "with --fit"),
        (["device", "resonator", "--fit=a.csv", "--bias=1uA"], "--bias", "with a measurement of S11"),
        (["device", "resonator", "--fit=a.s1p", "--power=1uW"], "--power", "with a measurement of the rectification"),
        (
            ["compile", "n.onnx", "-o", "new", "--calibration=i.npz", "--input-range=0,1"],
            "--input-range",
            "without --cal",
        ),
    ],
)
def test_options_that_would_change_nothing_are_refused(resonet, build, wide, arguments, option, need):
    before = {path: path.stat().st_mtime_ns for path in build.rglob("*")}
    told = resonet(*(str(build) if word == "BUILD" else word for word in arguments))
    assert (told.code, told.out) == (2, "")
    assert f"Invalid value for {option}: changes nothing here; possible: " in told.err
    assert need in told.err
    assert {path: path.stat().st_mtime_ns for path in build.rglob("*")} == before


def test_options_that_apply_are_used(resonet, build, tmp_path):
    np.savez(tmp_path / "im.npz", images=RNG(6).uniform(0, 1, (20, 1, 8, 8)), labels=RNG(1).integers(0, 3, 20))
    told = resonet("sweep", build, "--over", "spread=0,0.1", "--seed", 2, "--jobs", 1, "--program", "formula", "--json")
    assert told.code == 0, told.err
    told = resonet("sneak", build, "--layer", "conv1", "--feed", "bus", "--program", "formula", "--json")
    assert json.loads(told.out)["program"] == "formula"


def test_every_condition_names_parameters_that_there_are():
    for name in command_names():
        function = find_command(name).function
        names = set(inspect.signature(function).parameters)
        values = dict.fromkeys(names)
        for annotation in function.__annotations__.values():
            for rule in (entry for entry in get_args(annotation) if isinstance(entry, Applies)):
                assert rule.need
                try:
                    rule.test(values)
                except (AttributeError, TypeError):  # of the value None, not of the name
                    continue


def test_status_leaves_the_folder_as_it_is(build, resonet):
    assert resonet("crosstalk", build, "--layer", "conv1").code == 0
    before = {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in (build, *build.rglob("*"))}
    assert resonet("status", build).code == 0
    assert {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in (build, *build.rglob("*"))} == before
    assert entries(build / "results") == [f"effective_conv1_{m}.nc" for m in ("coupled", "formula")]


def test_a_choice_that_there_is_not_is_refused_with_what_there_is(resonet, small_folder):
    told = resonet("transient", small_folder, "--layer", "conv1", "--engine", "bogus")
    assert complaint(told) == "resonet: engine 'bogus'; possible: ngspice, fixed_step\n"
    told = resonet("transient", small_folder, "--layer", "conv1", "--prewarp", "bogus")
    assert told.code == 2
    assert "Invalid value for '--prewarp': 'bogus'; possible: tones, tank, none" in told.err
