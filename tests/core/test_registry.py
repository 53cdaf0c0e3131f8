"""Registries: our records, a call, an entry point; what is refused."""

from dataclasses import dataclass

import pytest

from resonet.core import registry as module
from resonet.core.errors import InputError
from resonet.core.registry import Registry


@dataclass(frozen=True)
class Colour:
    name: str


class Plug:
    """An entry point."""

    def __init__(self, name, record):
        self.name, self.value, self.record = name, f"package:{name}", record

    def load(self):
        if isinstance(self.record, Exception):
            raise self.record
        return self.record


@pytest.fixture
def colours(monkeypatch):
    """A registry of two, and the way to plug more in."""
    plugs = []
    monkeypatch.setattr(module, "entry_points", lambda group: plugs if group == "test.colours" else [])
    return Registry("colour", Colour, "test.colours", (Colour("red"), Colour("blue"))), plugs


def test_ours_a_call_and_an_entry_point(colours):
    table, plugs = colours
    plugs.append(Plug("green", Colour("green")))
    assert table.add(Colour("white")) == Colour("white")
    assert list(table) == ["red", "blue", "white", "green"]
    assert table.find("green") is table["green"]
    assert len(table) == 4
    with pytest.raises(InputError, match="no colour 'pink'; possible: red, blue, white, green"):
        table.find("pink")
    with pytest.raises(InputError, match="no colour"):
        table.find(["red"])


def test_a_plug_in_may_be_added_by_its_own_module_too(colours):
    table, plugs = colours
    plugs.append(Plug("green", table.add(Colour("green"))))
    assert list(table) == ["red", "blue", "green"]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (Colour("red"), "colour red: there is one already"),
        ("red", "possible: a record Colour"),
        (Colour("a\n.control"), "possible: a name of letters"),
        (Colour(""), "possible: a name of letters"),
    ],
)
def test_what_is_no_record_is_refused(colours, record, told):
    table, plugs = colours
    with pytest.raises(InputError, match=told):
        table.add(record)
    plugs.append(Plug("one", record))
    with pytest.raises(InputError, match=told):
        list(table)


def test_a_plug_in_that_does_not_load_is_named(colours):
    table, plugs = colours
    plugs.append(Plug("broken", ImportError("no module")))
    with pytest.raises(InputError, match=r"colour plug-in package:broken: cannot be loaded \(ImportError: no module\)"):
        table.find("red")
