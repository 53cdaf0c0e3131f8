"""Registries: our records, a call, an entry point; what is refused."""

import sys
from dataclasses import dataclass

import pytest

from resonet.core.errors import InputError
from resonet.core.plugins import plugged, plugged_code
from resonet.core.registry import Registry, named


@dataclass(frozen=True)
class Colour:
    name: str


GREEN, RED, WORD, NEWLINE, NONE = Colour("green"), Colour("red"), "red", Colour("a\n.control"), Colour("")
ASKED = []


def __getattr__(name):
    """What a module does that runs amok while it is imported."""
    if name == "ASKING":
        ASKED.append(list(TABLES[-1]))
        return Colour("asking")
    raise {"LEAVES": SystemExit(3), "BROKEN": ImportError("no\nmodule")}.get(name, AttributeError(name))


TABLES = []


@pytest.fixture
def colours():
    """A registry of two."""
    ours = Colour("red"), Colour("blue")
    TABLES.append(Registry("colour", "test.colours", lambda: ours, named("colour", Colour)))
    return TABLES[-1]


def test_ours_an_entry_point_and_a_call(colours, plug):
    plug(("test.colours", f"{__name__}:GREEN"))
    assert colours.add(Colour("white")) == Colour("white")
    assert list(colours) == ["red", "blue", "green", "white"]
    assert colours.plugged() == {"green": GREEN}
    assert colours.find("green") is colours["green"] is GREEN
    assert len(colours) == 4
    with pytest.raises(InputError, match="no colour 'pink'; possible: red, blue, green, white"):
        colours.find("pink")
    with pytest.raises(InputError, match="no colour"):
        colours.find(["red"])
    plug()
    assert list(colours) == ["red", "blue", "white"]


def test_a_plug_in_may_be_added_by_its_own_module_too(colours, plug):
    colours.add(GREEN)
    plug(("test.colours", f"{__name__}:GREEN"))
    assert list(colours) == ["red", "blue", "green"]


def test_a_plug_in_may_ask_for_what_there_is(colours, plug):
    plug(("test.colours", f"{__name__}:ASKING"), ("test.colours", f"{__name__}:GREEN"))
    assert colours.plugged() == {"asking": Colour("asking"), "green": GREEN}
    assert list(colours) == ["red", "blue", "asking", "green"]
    assert ASKED[0] == ["red", "blue"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("RED", "colour red: there is one already"),
        ("WORD", "possible: a record Colour"),
        ("NEWLINE", "possible: a name of letters"),
        ("NONE", "possible: a name of letters"),
    ],
)
def test_what_is_no_record_is_refused(colours, plug, name, told):
    with pytest.raises(InputError, match=told):
        colours.add(globals()[name])
    assert list(colours) == ["red", "blue"]
    plug(("test.colours", f"{__name__}:{name}"))
    for _ in range(2):  # every time, not only the first
        with pytest.raises(InputError, match=rf"plug-in {name} = \w+:{name} \(test.colours, .*{told}"):
            list(colours)


@pytest.mark.parametrize(("name", "told"), [("BROKEN", "ImportError: no module"), ("LEAVES", "SystemExit: 3")])
def test_a_plug_in_that_does_not_load_is_named(colours, plug, name, told):
    plug(("test.colours", f"{__name__}:{name}"))
    for _ in range(2):
        with pytest.raises(InputError, match=rf"{name} \(test.colours, package unknown\): does not load \({told}\)"):
            colours.find("red")


def test_the_code_of_a_plug_in_is_told_from_ours(colours, plug, tmp_path, monkeypatch):
    for name in ("one", "other"):
        (tmp_path / name / "shades").mkdir(parents=True)
        (tmp_path / name / "shades" / "__init__.py").write_text("")
        (tmp_path / name / "shades" / "dark.py").write_text(f"from {__name__} import GREEN  # {name}")
    found = []
    for name in ("one", "other", "one"):
        with monkeypatch.context() as patched:
            patched.syspath_prepend(tmp_path / name)
            plug(("test.colours", "shades.dark:GREEN"))
            forget_code()
            found.append((colours.code_of("green"), plugged_code("test.colours")))
            assert "shades" not in "".join(found[-1])
        for module in ("shades", "shades.dark"):
            del sys.modules[module]
        sys.path_importer_cache.clear()
    assert found[0] == found[2] != found[1]
    assert found[0][1] != found[1][1]
    assert colours.code_of("red") == ""
    assert plugged_code("test.shapes") == ""
    colours.add(Colour("white"))
    assert "process" in colours.code_of("white")


def forget_code():
    from resonet.core import plugins

    plugins._code_hash.cache_clear()


def test_two_of_one_entry(plug):
    plug(("test.colours", f"{__name__}:RED"), ("test.colours", "json:RED"))
    with pytest.raises(InputError, match="there is another of that name"):
        plugged("test.colours")
