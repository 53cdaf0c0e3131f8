"""`resonet parameters`, the page made from it, and the comments of design.toml."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resonet.cli.commands.parameters import as_markdown, entries
from resonet.cli.main import app
from resonet.core.parameters import parameters_of, possible_values
from resonet.netlist.design.commented import commented
from resonet.netlist.design.parameters import TABLES, read_parameters

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_every_parameter_is_listed():
    listed = {one.name: one for one in entries(read_parameters())}
    assert set(listed) == {f"{table}.{name}" for table, kind in TABLES.items() for name in parameters_of(kind)}
    assert all(one.meaning for one in listed.values())
    assert (listed["plan.p_max"].default, listed["plan.p_max"].possible) == ("2 nW", "1 fW ... 1 W")
    assert listed["bus.combining"].possible == "resistive, multiplexer"


def test_the_page_is_that_of_this_version():
    assert PAGE.read_text(encoding="utf-8") == as_markdown(entries(read_parameters()))


def test_values_of_a_file_stand_beside_the_defaults(tmp_path):
    (tmp_path / "mine.toml").write_text('[plan]\np_max = "-50 dBm"\nfill = "75 %"\n')
    found = CliRunner().invoke(app, ["parameters", "plan", "--of", str(tmp_path / "mine.toml"), "--json"])
    shown = {one["name"]: (one["value"], one["default"]) for one in json.loads(found.stdout)["parameters"]}
    assert shown["plan.p_max"] == ("10 nW", "2 nW")
    assert shown["plan.fill"] == ("0.75", "0.8")
    assert {name.partition(".")[0] for name in shown} == {"plan"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p_max", "plan.p_max"),
        ("bus.impedance", "bus.impedance"),
        ("resistence", "(did you mean resistance?)"),
        ("colour", "possible: a table (device, bus, plan"),
    ],
)
def test_names(name, words):
    found = CliRunner().invoke(app, ["parameters", name])
    assert words in " ".join((found.stdout + str(found.exception or "")).split())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("p_max=1nW", r"\(did you mean plan\.p_max\?\)"),
        ("plan.tiles=3", r"\(did you mean tile\?\)"),
        ("paln.tile=3", r"\(did you mean plan\.tile\?\)"),
        ("bus.combining=multiplexr", r"\(did you mean multiplexer\?\)"),
    ],
)
def test_what_was_meant(setting, words):
    with pytest.raises(Exception, match=words):
        read_parameters(None, [setting])


def test_comments_change_no_value():
    text = '[plan]\ntile = 48\np_max = "2 nW"\n\n[model]\ntile = "of a model"\n\n[plan.other]\ntile = 3\n'
    made = commented(text, TABLES)
    assert tomllib.loads(made) == tomllib.loads(text)
    spec = parameters_of(TABLES["plan"])["tile"]
    assert made.splitlines()[1] == f"tile = 48  # {spec.metadata['doc']}; possible: {possible_values(spec)}"
    assert made.splitlines()[5:] == text.splitlines()[5:]
