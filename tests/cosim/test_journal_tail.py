"""A journal that somebody else writes, as it grows."""

import pytest

from resonet.core.errors import InputError
from resonet.cosim.sweep.journal import JournalTail, open_journal, read_journal, sealed_line
from resonet.cosim.sweep.points import Outcome


def outcome(value: float, final: bool = True) -> Outcome:
    return Outcome({"accuracy": value} if final else None, "" if final else "no engine", final, 0.1, "here:1")


def test_what_is_followed_is_what_is_read_at_the_end(tmp_path):
    path = tmp_path / "sweep_1.jsonl"
    tail = None
    with open_journal(path, {"points": 4}) as journal:
        for point in range(4):
            tail = tail or JournalTail(path)
            journal.begin(point)
            assert tail.read()
            assert tail.begun == {point}
            journal.end(point, outcome(point / 3))
            assert tail.read()
            assert not tail.read()
            assert sorted(tail.outcomes) == list(range(point + 1))
    head, outcomes = read_journal(path)
    assert (tail.head, dict(tail.outcomes), tail.broken) == (head, dict(outcomes), 0)


def test_half_a_line_waits_for_its_rest_and_damage_is_counted(tmp_path):
    path, line = tmp_path / "sweep_2.jsonl", sealed_line({"sweep": {"points": 2}})
    path.write_text(line[:20])
    tail = JournalTail(path)
    assert (tail.read(), tail.head) == (False, None)
    path.write_text(line + sealed_line({"start": 1}).replace("1", "2", 1) + "\n")
    assert tail.read()
    assert (tail.head, tail.broken, tail.begun) == ({"points": 2}, 1, set())
    with path.open("a") as file:
        file.write(sealed_line({"end": -3, "values": {}, "error": "", "final": True, "seconds": 1, "process": "x"}))
    assert tail.read()
    assert (len(tail.outcomes), tail.broken) == (0, 2)


def test_what_failed_for_now_is_not_done(tmp_path):
    path = tmp_path / "sweep_3.jsonl"
    with open_journal(path, {"points": 2}) as journal:
        journal.begin(0)
        journal.end(0, outcome(0.0, final=False))
    tail = JournalTail(path)
    assert tail.read()
    assert (len(tail.outcomes), tail.begun) == (0, set())


def test_a_new_file_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "sweep_4.jsonl"
    tail = JournalTail(path)
    for count in (3, 2):
        path.unlink(missing_ok=True)
        with open_journal(path, {"points": count}) as journal:
            for point in range(count):
                journal.end(point, outcome(count))
        tail.read()
        assert len(tail.outcomes) == tail.head["points"] == count


@pytest.mark.parametrize("text", ["hello\n", sealed_line({"end": 3}), sealed_line({"sweep": 7})])
def test_what_is_no_journal_is_said(tmp_path, text):
    path = tmp_path / "sweep_5.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match="no journal of a sweep"):
        JournalTail(path).read()


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("resonet.cosim.sweep.journal.MOST_LINE", 1500)
    path = tmp_path / "sweep_6.jsonl"
    path.write_text("x" * 2000)
    with pytest.raises(InputError, match="a line of 1,500 bytes"):
        JournalTail(path).read(1000)


def test_a_journal_is_taken_up_bit_by_bit(tmp_path):
    path = tmp_path / "sweep_7.jsonl"
    with open_journal(path, {"points": 9}) as journal:
        for point in range(9):
            journal.end(point, outcome(point))
    tail, looks = JournalTail(path), 0
    while tail.read(300):
        looks += 1
    assert looks > 4
    assert dict(tail.outcomes) == dict(read_journal(path)[1])
