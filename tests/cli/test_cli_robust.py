"""`resonet faults`, `drift`, `sensitivity` and `tolerances`: tables, JSON, files, refusals."""

import json
from pathlib import Path

import pytest

from resonet.netlist.design import compile_cnn, write_design

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
DATA, CALIBRATION = DIGITS / "digits_test.npz", DIGITS / "digits_calibration.npz"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place = tmp_path_factory.mktemp("robust") / "build"
    write_design(compile_cnn(DIGITS / "digits_relu.onnx"), DIGITS / "digits_relu.onnx", place)
    return place


@pytest.mark.slow
def test_faults_are_drawn_written_and_read_again(built, tmp_path, resonet):
    asked = ["faults", built, "--data", DATA, "--samples", "1", "--jobs", "1", "--json"]
    drawn = resonet(*asked, "--kinds", "short,tone", "--rates", "1 %", "--write", tmp_path / "map.csv")
    assert drawn.code == 0, drawn.err
    page = json.loads(drawn.out)
    assert {(one["kind"], one["level"]) for one in page["curves"]} == {
        (kind, level) for kind in ("short", "tone") for level in ("programmed", "calibrated")
    }
    assert all(Path(path).is_file() for path in page["figures"])
    rows = (tmp_path / "map.csv").read_text().splitlines()
    told = resonet(*asked, "--map", tmp_path / "map.csv", "--calibration", CALIBRATION)
    levels = json.loads(told.out)["curves"]
    assert [one["level"] for one in levels] == ["programmed", "calibrated", "refitted"]
    assert levels[0]["faults"] == [len(rows) - 1]
    table = resonet(*asked[:-1], "--map", tmp_path / "map.csv")
    assert "weights off" in table.out


@pytest.mark.slow
def test_drift_tells_when_to_calibrate_again(built, resonet):
    asked = [
        "drift",
        built,
        "--data",
        DATA,
        "--samples",
        "2",
        "--jobs",
        "1",
        "--target",
        "0.9",
        "--ageing-spread",
        "1e-3",
    ]
    page = json.loads(resonet(*asked, "--times", "0 s,1 ks", "--json").out)
    assert len(page["intervals"]) == 2
    assert [one["time"] for one in page["times"]] == [0, 1000]
    assert page["times"][0]["slope"] == [0, 0]
    assert "worst chip" in resonet(*asked, "--times", "0 s,1 ks").out


@pytest.mark.slow
def test_sensitivity_ranks_and_tolerances_bound(built, resonet):
    spread = ["--data", DATA, "--jobs", "1", "--spread", "f_res=0.1 %", "--spread", "resistance=2 %"]
    page = json.loads(resonet("sensitivity", built, *spread, "--samples", "4", "--images", "50", "--json").out)
    assert len(page["sources"]) == 4
    assert sum(one["linear"] for one in page["sources"]) == pytest.approx(1)
    told = resonet("tolerances", built, *spread, "--samples", "4", "--accuracy", "0.9", "--yield", "0.75", "--json")
    rows = {one["what"]: one for one in json.loads(told.out)["rows"]}
    assert set(rows) == {"f_res", "resistance", "all spreads, times", "tuning range", "DAC bits"}
    for one in rows.values():
        assert one["value"] is None or one["passed"] >= 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["faults", "--kinds", "melted"], "possible: all, stuck"),
        (["faults", "--rates", "much"], "--rates 'much'"),
        (["faults", "--kinds", "short", "--rates", "50 %"], "rate of short 0.5; possible: 0 ... 0.333"),
        (["drift", "--times", "later"], "--times 'later'"),
        (["drift", "--target", "2"], "--target 2: possible"),
        (["sensitivity"], "nothing spreads"),
        (["sensitivity", "--by", "eye", "--spread", "f_res=0.001"], "possible: both, quantity, layer"),
        (["tolerances", "--of", "luck"], "--of 'luck': possible: f_res"),
        (["tolerances", "--of", "f_res", "--sure", "--samples", "5"], "too few chips to be sure"),
    ],
)
def test_what_has_no_meaning_is_refused(built, resonet, asked, said):
    told = resonet(asked[0], built, "--data", DATA, *asked[1:])
    assert told.code == 1
    assert said in told.err
