"""Two hundred broken inputs of every reader: taken or refused in one line, nothing else. 10,000: benchmarks."""

import os
import time

import pytest
from readers import READERS, run_case

CASES = int(os.environ.get("RESONET_FUZZ_CASES", "200"))


@pytest.mark.parametrize("name", READERS)
def test_broken_input_is_taken_or_refused(name, tmp_path, monkeypatch):
    place, folder = tmp_path / "place", tmp_path / "case"
    place.mkdir(), folder.mkdir()
    monkeypatch.chdir(place)
    (tmp_path / "good").mkdir()
    good = READERS[name].good(tmp_path / "good")
    faults, refused = [], 0
    for number in range(CASES):
        start = time.process_time()
        case = run_case(name, number, good, folder)
        refused += case.outcome == "refused"
        if case.outcome not in ("accepted", "refused") or time.process_time() - start > 5:
            faults.append((number, case))
    assert faults == []
    assert list(place.iterdir()) == []
    assert refused > CASES // 10


@pytest.mark.parametrize("name", READERS)
def test_good_input_is_taken(name, tmp_path):
    reader = READERS[name]
    (tmp_path / "good").mkdir()
    from resonet.core.validity import collected

    for data in reader.good(tmp_path / "good"):
        path = tmp_path / f"case{reader.suffix}"
        reader.write(path, data)
        with collected():
            assert reader.read(path) is not None
