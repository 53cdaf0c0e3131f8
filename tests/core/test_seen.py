"""What is known of files that have not changed: read once, never missed when they change, whatever the clock shows."""

import json
import os

import pytest

from resonet.core import seen as module
from resonet.core.seen import SEEN, Seen, seen
from resonet.core.sources import file_hash


@pytest.fixture(autouse=True)
def everything_is_worth_it(monkeypatch):
    monkeypatch.setattr(module, "WORTH", 0)


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """Names of the files that are read."""
    names = []

    def counted(path):
        names.append(path.name)
        return file_hash(path)

    monkeypatch.setattr(module, "file_hash", counted)
    return names


@pytest.fixture
def clock(monkeypatch) -> list[int]:
    """Makes the file system's clock show what stands in the list instead: [0]."""
    shown, real = [0], module._stamp

    def stamp(path):
        found = real(path)
        return [shown[0], shown[0], *found[2:]] if "-resonet-" in path.name else found

    monkeypatch.setattr(module, "_stamp", stamp)
    return shown


def asked(folder, name="a"):
    with seen(folder) as table:
        return table.hash(table.folder / name)


def later(path, ticks=1):
    """What the clock shows some ticks after a file was changed."""
    return path.stat().st_ctime_ns + ticks


def test_a_file_is_read_once(tmp_path, read, clock):
    (tmp_path / "a").write_text("one")
    clock[0] = later(tmp_path / "a")
    assert asked(tmp_path) == asked(tmp_path) == file_hash(tmp_path / "a")
    assert read == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", SEEN]


def test_a_file_that_was_changed_in_the_tick_of_its_reading_is_read_again(tmp_path, read, clock, monkeypatch):
    path = tmp_path / "a"
    path.write_text("one")
    clock[0] = later(path, 0)  # read before the clock went on
    first = asked(tmp_path)
    facts = path.stat()
    path.write_text("two")  # same size, same inode, and as a coarse clock has it, same times
    real = module._stamp
    same = [facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino]
    monkeypatch.setattr(module, "_stamp", lambda one: same if one.name == "a" else real(one))
    assert asked(tmp_path) != first
    assert read == ["a", "a"]


@pytest.mark.parametrize("change", ["content", "size", "times set back", "replaced"])
def test_changes_are_seen(tmp_path, read, clock, change):
    path = tmp_path / "a"
    path.write_text("one")
    clock[0] = later(path)
    first, facts = asked(tmp_path), path.stat()
    if change == "replaced":
        (tmp_path / "b").write_text("two")
        os.utime(tmp_path / "b", ns=(facts.st_atime_ns, facts.st_mtime_ns))
        (tmp_path / "b").replace(path)
    else:
        path.write_text("two and more" if change == "size" else "two")
    if change == "times set back":
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert asked(tmp_path) == file_hash(path) != first
    assert read == ["a", "a"]


def test_a_file_that_changes_while_it_is_read_is_not_known(tmp_path, clock):
    path = tmp_path / "a"
    path.write_text("one")
    clock[0] = later(path)

    def make():
        path.write_text("longer")
        return "of the old content"

    with seen(tmp_path) as table:
        assert table.of(table.folder / "a", "what", make) == "of the old content"
    clock[0] = later(path)
    with seen(tmp_path) as table:
        assert table.of(table.folder / "a", "what", lambda: "of the new one") == "of the new one"


def test_what_else_a_value_depends_on_counts(tmp_path, clock):
    path = tmp_path / "a"
    path.write_text("one")
    clock[0] = later(path)
    with seen(tmp_path) as table:
        values = [
            table.of(table.folder / "a", "w", lambda v=v: v, on) for on, v in (("x", "1"), ("x", "2"), ("y", "3"))
        ]
    assert values == ["1", "1", "3"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 1000, '{"a": 1}', '{"a": [[1, 2, 3], {}]}', '{"a": [["x"], {"sha256": 3}]}'),
        '{"a": [[1e400, 0, 0, 0], {"sha256": " forged"}]}',
    ],
)
def test_damaged_memories_are_none(tmp_path, text):
    (tmp_path / "a").write_text("one")
    (tmp_path / SEEN).write_text(text)
    assert asked(tmp_path) == file_hash(tmp_path / "a")


def test_nothing_is_left_where_nothing_can_be_written_or_little_was_read(tmp_path, monkeypatch, clock):
    (tmp_path / "a").write_text("one")
    clock[0] = later(tmp_path / "a")
    monkeypatch.setattr(module, "WORTH", 1000)
    before = tmp_path.stat().st_mtime_ns
    asked(tmp_path)
    assert tmp_path.stat().st_mtime_ns == before  # not even for a look at the clock
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    monkeypatch.setattr(module, "WORTH", 0)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "touch", refused)
    monkeypatch.setattr(type(tmp_path), "write_text", refused)
    assert asked(tmp_path) == file_hash(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_files_that_are_gone_are_forgotten(tmp_path, clock):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    clock[0] = later(tmp_path / "b")
    table = Seen(tmp_path)
    for name in ("a", "b"):
        table.hash(tmp_path / name)
    (tmp_path / "a").unlink()
    table.store()
    assert set(json.loads((tmp_path / SEEN).read_text())) == {"b"}
    with pytest.raises(FileNotFoundError):
        Seen(tmp_path).hash(tmp_path / "a")
