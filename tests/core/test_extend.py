"""Plug-in packages: found by their metadata, used like what is ours, and told in one line where they do not fit."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import complaint, save_model, small_nodes, small_weights
from onnx import helper
from test_docs import blocks

from resonet.api import replay
from resonet.api.replay import dependencies
from resonet.core import plugins
from resonet.core.errors import InputError
from resonet.core.plugins import forget_plugins, plugged
from resonet.cosim.feed.store import changed_parts, result_parts
from resonet.cosim.referee.device import two_port_points
from resonet.cosim.sweep.axes import Axis
from resonet.cosim.sweep.sweep import Sweep, sweep_key
from resonet.models.device import registry
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.spice_lib import generate
from resonet.spice_lib.library import copy_library, library, library_text

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "plugin"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
PAGE = ROOT / "docs" / "extend.md"
SHOWN = re.findall(r"`tests/plugin/([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
OURS = {"resonet_example", *(f"resonet_example.{path.stem}" for path in (EXAMPLE / "resonet_example").glob("*.py"))}
RECORD = '''
from dataclasses import dataclass
from typing import ClassVar
from resonet.core.parameters import Interface, parameter

@dataclass(frozen=True, slots=True)
class Pad:
    """A resistor."""
    SPICE: ClassVar[Interface] = Interface("{name}", (("a", "one end"), ("b", "the other")))
    r: float = parameter(50.0, "Ohm", 1e-3, 1e6, "resistance", "usual")
'''
SUBCKT = ".subckt {name} a b r=50\nr1 a b {{r}}\n.ends\n"


def forget() -> None:
    forget_plugins()
    for cached in (library, library_text):
        cached.cache_clear()


def metadata(site: Path, name: str, groups: dict[str, dict[str, str]], version: str = "1.0") -> Path:
    """A folder with what pip writes of a package."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Put a package on the path as pip does: its folder, and its metadata with the entry points."""
    before = set(sys.modules)

    def put(folder: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
        site = metadata(tmp_path / f"site_{name}", name, groups)
        for place in (site, folder):
            monkeypatch.syspath_prepend(str(place))
        importlib.invalidate_caches()
        forget()

    yield put
    forget()
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path) or name in OURS:
            del sys.modules[name]


@pytest.fixture
def example(install):
    """The package of docs/extend.md."""
    install(EXAMPLE, PROJECT["name"], PROJECT["entry-points"])


@pytest.fixture
def pad(install, tmp_path):
    """A package with one device: name in SPICE, its .lib, the entry that points to it."""

    def put(
        name: str = "pad", text: str | None = SUBCKT, entry: str = "pads:Pad", file: str = "pad.lib", also: str = ""
    ):
        folder = tmp_path / "pads"
        folder.mkdir()
        (folder / "pads.py").write_text(RECORD.format(name=name))
        if text is not None:
            (folder / file).write_text(text.format(name=name))
        install(folder, "pads", {registry.DEVICES.group: {"pad": entry} | ({"second": also} if also else {})})

    return put


# The page


def test_the_page_shows_the_package():
    for path, text in SHOWN:
        assert (EXAMPLE / path).read_text() == text, path
    files = {str(path.relative_to(EXAMPLE)) for path in (EXAMPLE / "resonet_example").iterdir() if path.is_file()}
    assert {path for path, _ in SHOWN} == files - {"resonet_example/__init__.py"} | {"pyproject.toml"}


def test_the_code_of_the_page_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [text for _, text in SHOWN]
    code = [text for language, text in blocks(PAGE) if language == "python" and text not in files]
    assert code
    for text in code:
        exec(compile(text, str(PAGE), "exec"), {})


def test_every_group_has_its_section():
    text = PAGE.read_text()
    groups = re.findall(r"^\| \[[\w ]+\]\(#[\w-]+\) \| `(resonet\.\w+)`", text, re.MULTILINE)
    assert len(groups) == 7
    assert set(PROJECT["entry-points"]) == set(groups)


# All of it, in a process of its own


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """What tests/plugin/drive.py finds with the package on the path."""
    folder = tmp_path_factory.mktemp("driven")
    (folder / "work").mkdir()
    site = metadata(folder / "site", PROJECT["name"], PROJECT["entry-points"])
    shutil.copytree(EXAMPLE / "resonet_example", site / "resonet_example", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, EXAMPLE / "drive.py", folder / "work"],
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("group", PROJECT["entry-points"])
def test_every_extension_is_used(driven, group):
    _, found = driven
    names = {"devices": "device", "onnx_operators": "onnx_operator", "activations": "activation"}
    name = group.removeprefix("resonet.")
    assert found[names.get(name, name.removesuffix("s"))]


@pytest.mark.slow
def test_a_design_whose_package_is_gone_is_refused_in_one_line(driven, resonet):
    folder, _ = driven
    told = complaint(resonet("accuracy", folder / "work" / "build", "--data", folder / "work" / "images.npz"))
    assert "Atan" in told
    assert "possible: " in told


# Results are kept under the code that made them


@pytest.fixture
def changed(monkeypatch):
    """Change the sources of all plug-ins."""

    def change() -> None:
        monkeypatch.setattr(plugins, "folder_hash", lambda file, whole: "other")
        forget_plugins()

    return change


def test_weights_on_strip_lines_know_their_arrangement(example, changed, small_model):
    feed = ["feed.kind=stripline", "feed.arrangement={}"]
    designs = {
        name: compile_cnn(small_model, read_parameters(settings=[feed[0], feed[1].format(name)]))
        for name in ("planar", "column")
    }
    before = {name: result_parts(design, "conv1", "coupled") for name, design in designs.items()}
    assert before["planar"]["plug-in"] == ""
    assert before["column"]["plug-in"].startswith("resonet-example 1.0 ")
    changed()
    after = {name: result_parts(design, "conv1", "coupled") for name, design in designs.items()}
    assert changed_parts(before["planar"], after["planar"]) == []
    assert changed_parts(before["column"], after["column"]) == ["plug-in"]


def test_a_sweep_knows_its_engine_and_what_reads_the_network(install, changed, build):
    engine = {"resonet.engines": PROJECT["entry-points"]["resonet.engines"]}
    install(EXAMPLE, PROJECT["name"], engine)
    axes = (Axis("plan.fill", (0.5,)),)
    sweeps = [Sweep(str(build), axes, engine=name) for name in ("linear", "divided")]
    before = [sweep_key(sweep) for sweep in sweeps]
    changed()
    after = [sweep_key(sweep) for sweep in sweeps]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]
    activation = {"resonet.activations": PROJECT["entry-points"]["resonet.activations"]}
    install(EXAMPLE, "another", activation)
    assert sweep_key(sweeps[0]) != after[0]


def test_what_is_shown_again_knows_plug_ins(install, changed, tmp_path):
    words = ["plan", "x"]
    before = dependencies(words, tmp_path)
    points = PROJECT["entry-points"]
    install(EXAMPLE, PROJECT["name"], {group: points[group] for group in ("resonet.devices", "resonet.activations")})
    found = dependencies(words, tmp_path)
    assert found.keys() - before.keys() == {"resonet.devices", "resonet.activations"}
    assert not replay._asks_anything()
    changed()
    now = dependencies(words, tmp_path)
    assert {name for name in now if now[name] != found[name]} == {"resonet.devices", "resonet.activations"}
    install(EXAMPLE, "another", {"resonet.engines": points["resonet.engines"]})
    assert replay._asks_anything()


# A device


def test_a_device_of_a_package_is_a_device(example, resonet):
    assert "attenuator" in registry.devices()
    assert library()["attenuator"].pins == ("a", "b")
    assert library()["attenuator"].parameters == ("loss", "z0")
    assert generate.drift() == []
    assert generate.drift(EXAMPLE / "resonet_example", "resonet_example") == []
    assert generate.main(["--check", "resonet_example"]) == 0
    listed = resonet("device", "list", "--json")
    assert "attenuator" in json.loads(listed.out)["devices"]
    shown = resonet("device", "attenuator", "--set", "loss=6dB", "--json")
    rows = {row["name"]: row for row in json.loads(shown.out)["parameters"]}
    assert (rows["loss"]["value"], rows["z0"]["value"], rows["loss"]["source"]) == (6.0, 50.0, "set")


def test_its_subcircuit_is_its_law(example):
    from resonet_example.attenuator import Attenuator, transmission

    f = np.linspace(1e9, 3e9, 3)
    for loss, z0 in ((0.5, 50.0), (6.0, 50.0), (20.0, 75.0)):
        s21, s11 = two_port_points(f, "attenuator", {"loss": loss, "z0": z0}, z0)
        assert s21 == pytest.approx(np.full(3, transmission(Attenuator(loss, z0))), rel=1e-9)
        assert np.abs(s11).max() < 1e-9


def test_folders_hold_its_library(example, tmp_path):
    copy_library(tmp_path / "lib")
    assert (tmp_path / "lib" / "attenuator.lib").read_text() == (
        EXAMPLE / "resonet_example" / "attenuator.lib"
    ).read_text()
    assert (tmp_path / "lib" / "resonator.lib").is_file()


def test_without_the_package_nothing_of_it_is_left():
    forget()
    assert "attenuator" not in registry.devices()
    assert "attenuator" not in library()


def test_a_module_without_a_package_may_bring_a_device(pad):
    pad()
    assert library()["pad"].file == "pad.lib"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text": None}, r"device pad \(pads\): 0 subcircuits pad in the .lib files beside it"),
        ({"text": SUBCKT + SUBCKT}, r"device pad \(pads\): 2 subcircuits pad"),
        ({"text": ".subckt {name} a b q=50\n.ends\n"}, "not the record's pins and parameters; possible: a b r"),
        ({"text": ".subckt {name} b a r=50\n.ends\n"}, "pad.lib has not the record's pins"),
        ({"file": "readout.lib"}, r"device pad \(pads\): there is a readout.lib already"),
        ({"text": SUBCKT + ".subckt readout a r=1\n.ends\n"}, "subcircuit readout is in readout.lib and pad.lib"),
        ({"entry": "pads:Nothing"}, r"pad = pads:Nothing \(resonet.devices, package pads\): does not load \(Attr"),
        ({"entry": "no_such_module:Pad"}, r"package pads\): does not load \(ModuleNotFoundError"),
        ({"entry": "pads:RECORD"}, "does not load"),
        ({"entry": "pads:dataclass"}, "possible: a dataclass of parameters with an Interface named SPICE"),
        ({"also": "pads:Pad"}, "device pad: .* possible: one of a name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(pad, given, told):
    pad(**given)
    with pytest.raises(InputError, match=told) as caught:
        library()
    assert "\n" not in str(caught.value)


def test_a_name_of_ours_is_taken(pad):
    pad(name="readout")
    with pytest.raises(InputError, match=r"package pads\): device readout: .* possible: one of a name"):
        registry.devices()
    with pytest.raises(InputError, match="subcircuit readout is in"):
        library()


def test_two_packages_of_one_entry(install, tmp_path):
    for name in ("first", "second"):
        install(tmp_path, name, {"resonet.devices": {"pad": "json:dumps"}})
    with pytest.raises(InputError, match="there is another of that name"):
        plugged("resonet.devices")


# Commands


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"more": "no_such_module:COMMAND"}, r"more = no_such_module:COMMAND .*package pads\): does not load"),
        ({"more": "json:dumps"}, r"package pads\): command more: .* possible: a resonet.cli.registry.Command, panel"),
        ({"device": "json:dumps"}, r"package pads\): there is a command device already; possible: another name"),
    ],
)  # fmt: skip
def test_a_command_that_does_not_fit_is_told_and_the_others_go_on(install, resonet, tmp_path, entry, told):
    install(tmp_path, "pads", {"resonet.commands": entry})
    name = next(iter(entry))
    assert re.search(told, complaint(resonet(name, "list")))
    helped = resonet("--help")
    assert helped.code == 0
    assert re.search(told, helped.err)
    assert len(helped.err.splitlines()) == 1
    assert "crosstalk" in helped.out
    assert resonet("plan", "--help").code == 0


# Whose fault it is


def write_arctangent(path: Path) -> Path:
    """Conv, Atan, Flatten, dense."""
    nodes = small_nodes()
    nodes[1] = helper.make_node("Atan", ["c"], ["r"])
    return save_model(path, nodes, small_weights(), (1, 8, 8), "y")


def test_a_broken_plugin_is_not_blamed_on_the_model(install, resonet, small_model, tmp_path):
    install(tmp_path, "pads", {"resonet.activations": {"arctangent": "no_such_module:Arctangent"}})
    told = complaint(resonet("compile", small_model, "-o", tmp_path / "b"))
    assert told.startswith(
        "resonet: plug-in arctangent = no_such_module:Arctangent (resonet.activations, package pads): "
    )
    assert "small.onnx" not in told
    found = resonet("doctor", "--json")
    rows = {row["name"]: row for row in json.loads(found.out)["findings"]}
    assert (found.code, rows["plug-in arctangent"]["found"]) == (1, "")
    assert "does not load (ModuleNotFoundError" in rows["plug-in arctangent"]["remedy"]


def test_doctor_lists_plugins(example, resonet):
    found = resonet("doctor", "--json")
    rows = {row["name"]: row["found"] for row in json.loads(found.out)["findings"]}
    told = {name.removeprefix("plug-in "): row for name, row in rows.items() if name.startswith("plug-in ")}
    entries = [name for group in PROJECT["entry-points"].values() for name in group]
    assert told == dict.fromkeys(entries, "resonet-example 1.0")


def test_a_design_whose_plugin_is_gone_names_it(example, monkeypatch, resonet, tmp_path):
    folder = tmp_path / "b"
    assert resonet("compile", write_arctangent(tmp_path / "m.onnx"), "-o", folder).code == 0
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site_" not in place])
    forget()
    told = complaint(resonet("layout", folder))
    name = re.escape(
        "plug-in arctangent = resonet_example.arctangent:Arctangent (resonet.activations, package resonet-example)"
    )
    assert re.search(
        rf"Atan.* is not supported: alone it is the function of no neuron.*; it was compiled with {name}, "
        "not installed here; possible: install",
        told,
    )
