"""Plug-in packages: found by their metadata, used like what is ours, and told in one line where they do not fit."""

import importlib
import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from test_docs import blocks

from resonet.core.errors import InputError
from resonet.core.plugins import plugged
from resonet.cosim.referee.device import two_port_points
from resonet.models.device import registry
from resonet.spice_lib import generate
from resonet.spice_lib.library import copy_library, library, library_text

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "plugin"
PAGE = ROOT / "docs" / "extend.md"
SHOWN = re.findall(r"`tests/plugin/([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
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
    for cached in (registry.devices, registry.plugged_devices, library, library_text):
        cached.cache_clear()


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Put a package on the path as pip does: its folder, and its metadata with the entry points."""
    before = set(sys.modules)

    def put(folder: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
        site = tmp_path / f"site_{name}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for place in (site, folder):
            monkeypatch.syspath_prepend(str(place))
        importlib.invalidate_caches()
        forget()

    yield put
    forget()
    for name in set(sys.modules) - before:
        if not name.startswith("resonet."):
            del sys.modules[name]


@pytest.fixture
def example(install):
    """The package of docs/extend.md."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(EXAMPLE, project["name"], project["entry-points"])


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
        install(folder, "pads", {registry.GROUP: {"pad": entry} | ({"second": also} if also else {})})

    return put


# The page


def test_the_page_shows_the_package():
    assert len(SHOWN) >= 4
    for path, text in SHOWN:
        assert (EXAMPLE / path).read_text() == text, path


def test_the_code_of_the_page_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [
        text
        for _, text in re.findall(r"`tests/plugin/([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    ]
    code = [text for language, text in blocks(PAGE) if language == "python" and text not in files]
    assert code
    for text in code:
        exec(compile(text, str(PAGE), "exec"), {})


def test_every_group_has_its_section():
    text = PAGE.read_text()
    groups = re.findall(r"^\| \[[\w ]+\]\(#[\w-]+\) \| `(resonet\.\w+)`", text, re.MULTILINE)
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    assert len(groups) == 7
    assert set(project["entry-points"]) <= set(groups)


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
    with pytest.raises(InputError, match=r"device readout: .* possible: one of a name"):
        registry.devices()
    with pytest.raises(InputError, match="subcircuit readout is in"):
        library()


def test_two_packages_of_one_entry(install, tmp_path):
    for name in ("first", "second"):
        install(tmp_path, name, {"resonet.devices": {"pad": "json:dumps"}})
    with pytest.raises(InputError, match="there is another of that name"):
        plugged("resonet.devices")
