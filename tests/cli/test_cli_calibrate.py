"""`resonet calibrate`, as a user meets it, and the calibrated program in the design folder."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import bare_run, complaint, entries

from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.weights.effective import effective_weights
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters


@pytest.fixture(scope="module")
def written(tmp_path_factory, small_model) -> Path:
    folder = tmp_path_factory.mktemp("calibrate") / "build"
    write_design(compile_cnn(small_model), small_model, folder)
    return folder


@pytest.fixture
def build(tmp_path, written) -> Path:
    return shutil.copytree(written, tmp_path / "build")


@pytest.mark.slow
def test_calibrate_then_everything_knows_the_program(build, resonet, tmp_path):
    told = resonet("calibrate", build)
    assert (told.code, told.err) == (0, "")
    assert "calibrated" in told.out
    assert {"calibration.png", "calibration.svg"} <= set(entries(build / "report"))
    bare_run(build / "decks" / "calibrated" / "conv1_t0_rf.cir", tmp_path)
    rows = json.loads(resonet("crosstalk", build, "--json").out)["layers"]
    for row in rows:
        assert row["rms_error_calibrated"] < 1e-6 < row["rms_error_coupled"] < row["rms_error_formula"]
    for command in (["crosstalk"], ["sparams", "--layer", "conv1"], ["transient", "--layer", "conv1"]):
        assert resonet(command[0], build, *command[1:], "--program", "calibrated").code == 0


@pytest.mark.slow
def test_calibrate_json(build, resonet):
    found = json.loads(resonet("calibrate", build, "--engine", "ngspice", "--start", "formula", "--json").out)
    assert found["engine"] == "ngspice"
    for row in found["layers"]:
        assert (row["status"], row["advice"], row["failures"]) == ("converged", "", [])
        assert row["rms_after"] <= 1e-6 < row["rms_before"]
        assert row["fill"] == pytest.approx(0.8)


@pytest.mark.slow
def test_weights_out_of_range_end_in_status_one_and_the_best_is_kept(tmp_path, small_model, resonet):
    design = compile_cnn(small_model, read_parameters(settings=["plan.f_min=8 GHz", "plan.f_max=10 GHz"]))
    write_design(design, small_model, tmp_path / "build")
    told = resonet("calibrate", tmp_path / "build", "--layer", "dense1", "--fill", "0.9")
    assert told.code == 1
    assert "warning: layer dense1:" in told.err
    assert "plan.tile" in told.err
    found = load_design(tmp_path / "build")
    before, after = (effective_weights(found, "dense1", m).rms_error for m in ("coupled", "calibrated"))
    assert after <= before


def test_only_one_layer(build, resonet):
    found = json.loads(resonet("calibrate", build, "--layer", "conv1", "--json").out)
    assert [row["name"] for row in found["layers"]] == ["conv1"]
    design = load_design(build)
    ours, theirs = (design.program(m).layer("dense1") for m in ("calibrated", "coupled"))
    assert all(np.array_equal(a, b) for a, b in zip(ours.f_res, theirs.f_res, strict=True))


def test_the_calibrated_program_comes_back_as_it_was(build, small_design, resonet):
    resonet("calibrate", build)
    loaded, made = load_design(build).program("calibrated"), calibrate(small_design).design.program("calibrated")
    for one, two in zip(loaded.layers, made.layers, strict=True):
        assert one.weight_scale == pytest.approx(two.weight_scale, rel=1e-12)
        assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(one.f_res, two.f_res, strict=True))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--layer", "conv7"), "no such weighted layer; possible: conv1, dense1"),
        (("--start", "calibrated"), "no calibrated program yet; possible: formula, coupled"),
        (("--passes", "0"), "calibration.passes"),
        (("--tolerance", "2"), "calibration.tolerance"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(build, resonet, arguments, what):
    before = entries(build)
    assert what in complaint(resonet("calibrate", build, *arguments))
    assert entries(build) == before


def test_a_program_that_is_not_there(build, resonet):
    assert "no calibrated program yet" in complaint(resonet("crosstalk", build, "--program", "calibrated"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "text", "scale"])
def test_a_damaged_calibration_is_one_error(build, resonet, damage):
    resonet("calibrate", build)
    path = build / "calibrated.npz"
    if damage == "scale":
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **(arrays | {"conv1/calibrated/weight_scale": np.array(-1.0)}))
    else:
        path.write_bytes(path.read_bytes()[:500] if damage == "cut" else b"no archive")
    assert "calibrated.npz" in complaint(resonet("crosstalk", build))


def test_a_new_compile_keeps_the_calibration_where_it_still_holds(build, small_model, resonet):
    resonet("calibrate", build)
    write_design(compile_cnn(small_model), small_model, build)
    assert "calibrated" in load_design(build).programs
    other = compile_cnn(small_model, read_parameters(settings=["device.damping=0.011"]))
    write_design(other, small_model, build, force=True)
    assert "calibrated" not in load_design(build).programs
