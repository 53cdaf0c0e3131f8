"""Files from somebody else: bounds are checked before work, messages say where."""

import resource
import time
import tomllib
from pathlib import Path

import pytest

from resonet.core.errors import InputError
from resonet.core.files import DEEPEST, MOST_BYTES, read_bytes, read_json, read_text, read_toml, toml_line


def toml(tmp_path, text):
    path = tmp_path / "some.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        'a = "x.y.z" # a.b.c.d\n[t]\nb = \'"\'\nc = """one "two" \\""" three"""\n',
        "a = '''\n[[[ # no comment\n'''\n[t.u]\n\"quoted.key\".b = 1.5\nl = [[1, 2], [3]]\ni = {x = 1, y = {z = 2}}\n",
        'a = "\\\\"\nb = "\\"#"\n',
        "",
        "a = " + "[" * 20 + "]" * 20,
        "\n".join(f"n{n} = '{'.' * 500}'" for n in range(200)),
    ],
)
def test_good_files_are_read(tmp_path, text):
    assert read_toml(toml(tmp_path, text)) == tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".".join(["a"] * 50_000) + " = 1", "line 1: nested more than"),
        ("\n[" + ".".join(["a"] * 50_000) + "]", "line 2: nested more than"),
        (" . ".join(["'a'"] * 20_000) + " = 1", "nested more than"),
        ("a = " + "[" * 50_000, "nested more than"),
        ("a = " + "{b = " * 50_000, "nested more than"),
        ("\n".join(f"{'a.' * 20}k{n} = 1" for n in range(9000)), "names and values"),
        ("a = [" + "1," * 200_000 + "]", "names and values"),
        ("a = 1\n" * 200_000, "names and values"),
        ("a = " + "9" * 5000, "not a TOML file"),
        ("a = 1\nb = \n", "line 2"),
        ("a = 'x", "not a TOML file"),
        ('a = "x', "not a TOML file"),
        ('a = """x', "not a TOML file"),
        ("#" * (MOST_BYTES + 1), "larger than"),
    ],
)
def test_bad_files_are_refused_before_they_cost(tmp_path, text, words):
    path = toml(tmp_path, text)
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=words) as caught:
        read_toml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()
    assert time.process_time() - start < 5  # the bound of issue 14, not a speed: 0.2 s here
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB; 9.6 GB before


def test_a_deep_file_within_the_bound(tmp_path):
    text = ".".join(["a"] * DEEPEST) + " = 1"
    assert read_toml(toml(tmp_path, text)) == tomllib.loads(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path)
    with pytest.raises(InputError, match="larger than 1,000 bytes"):
        read_bytes(Path("/dev/zero"), 1000)
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="byte 4 is no UTF-8"):
        read_text(tmp_path / "latin")
    (tmp_path / "mark").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(tmp_path / "mark") == {"a": 1}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "{", "\x00"])
def test_json_is_a_value_error_or_a_value(text):
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
    with pytest.raises(ValueError, match="larger"):
        read_json("1" * 11, 10)


def test_lines_of_parameters(tmp_path):
    path = toml(tmp_path, "# [plan]\nplan.fill = 0.5\n\n[plan]\n  tile = 3 # tile\n[bus]\ntile = 4\n")
    assert toml_line(path, "plan", "tile") == 5
    assert toml_line(path, "bus", "tile") == 7
    assert toml_line(path, "plan", "fill") == 2
    assert toml_line(path, "plan", "none") is None
