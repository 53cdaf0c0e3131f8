"""Commands with resonators that saturate, and the program that is fitted on data."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import RNG

from resonet.core.validity import collected
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import read_images

SHARP = "noise.sources=johnson,precession"  # no line width, so that the limit of small powers is the linear network
SETTINGS = ["plan.p_max=100 nW", "plan.tile=24", "neuron.p1db=1 W", SHARP]
LAW = "saturation.nonlinear_damping"


@pytest.fixture(scope="module")
def written(tmp_path_factory, small_model) -> Path:
    place = tmp_path_factory.mktemp("saturating")
    rng = RNG(8)
    np.savez(place / "batch.npz", images=rng.uniform(0, 1, (30, 1, 8, 8)))
    np.savez(place / "test.npz", images=rng.uniform(0, 1, (40, 1, 8, 8)), labels=rng.integers(0, 3, 40))
    with collected():
        design = compile_cnn(small_model, read_parameters(None, SETTINGS), read_images(place / "batch.npz", (1, 8, 8)))
        write_design(design, small_model, place / "build")
    return place


@pytest.fixture
def place(tmp_path, written) -> Path:
    return shutil.copytree(written, tmp_path / "place")


@pytest.mark.slow
def test_accuracy_by_power_and_fit(place, resonet):
    asked = ["accuracy", place / "build", "--data", place / "test.npz", "--resonators", "saturating"]
    told = resonet(*asked, "--engine", "linear", "--p-max", "1 pW,100 nW", "--fit", place / "batch.npz", "--json")
    assert told.code == 0
    page = json.loads(told.out)["accuracy"]
    rows = page["saturating"]
    assert [(row["p_max"], row["variant"]) for row in rows] == [
        (power, name) for power in (1e-12, 1e-7) for name in ("coupled", "coupled + gain", "coupled + data")
    ]
    assert (page["nonlinear_damping"], page["frequency_shift"], page["program"]) == (2, 0, "coupled")
    assert all(row["balance"] == "fast" and 0 < row["off_full_balance"] < 1e-3 for row in rows)
    assert rows[0]["same_class"] == 1
    for layer in rows[-1]["fit"]:
        assert layer["fitted"][1] < layer["gained"][1] < layer["programmed"][1]
    shown = resonet(*asked, "--engine", "linear", "--balance", "full")
    assert shown.code == 0
    assert "40 images, saturating resonators" in shown.out
    assert "warning [noise]" in shown.err


@pytest.mark.slow
def test_the_fitted_program_is_kept_and_used(place, resonet):
    build, data = place / "build", ["--data", place / "test.npz"]
    told = resonet("calibrate", build, "--on-data", place / "batch.npz", "--json")
    assert told.code == 0
    page = json.loads(told.out)
    assert (page["start"], page["images"], page["p_max"]) == ("coupled", 24, 1e-7)
    with collected():
        design = load_design(build)
    assert (design.fitted.p_max, design.fitted.images, design.fitted.unlike(1e-7, design.fitted.law)) == (1e-7, 24, "")
    assert "fitted" not in design.programs
    asked = ["accuracy", build, *data, "--resonators", "saturating", "--program", "fitted"]
    told = resonet(*asked, "--json")
    assert "fitted-elsewhere" not in told.err
    assert [row["variant"] for row in json.loads(told.out)["accuracy"]["saturating"]] == ["fitted"]
    assert "plan.p_max 5e-08 W, fitted for 1e-07 W" in resonet(*asked, "--p-max", "50 nW").err
    run = [
        "run",
        build,
        *data,
        "--engine",
        "two-pass",
        "--weights-by",
        "linear",
        "--resonators",
        "saturating",
        "--json",
    ]
    found = json.loads(resonet(*run, "--program", "fitted").out)
    off = {layer["layer"]: layer["rms"] for layer in found["layers"]}
    plain = {layer["layer"]: layer["rms"] for layer in json.loads(resonet(*run, "--program", "coupled").out)["layers"]}
    assert found["resonators"] == "saturating"
    assert all(off[name] < plain[name] for name in off)
    assert resonet("decks", build, "--program", "fitted").code == 0
    assert (build / "decks" / "fitted" / "conv1_t0_rf.cir").is_file()
    levels = resonet("levels", build, "--data", place / "batch.npz", "--program", "fitted", "--engine", "linear")
    assert "possible: --resonators saturating" in levels.err
    # what was fitted is lost with other parameters, which is said; and an edited file is no program
    with collected():
        other = compile_cnn(build / "model.onnx", read_parameters(None, [*SETTINGS, "plan.fill=0.7"]))
        with pytest.raises(Exception, match="lost would be the fitted program"):
            write_design(other, build / "model.onnx", build)
    arrays = dict(np.load(build / "fitted.npz"))
    arrays["for/p_max"] = np.array(2e-7)
    np.savez(build / "fitted.npz", **arrays)
    assert "fitted.npz: edited since it was written" in resonet("accuracy", build, *data).err


@pytest.mark.slow
def test_sweep_of_the_law(place, resonet):
    asked = ["sweep", place / "build", "--over", f"{LAW}=0,4", "--program", "coupled", "--engine", "linear", "--json"]
    measured = ["--measure", "accuracy", "--data", place / "test.npz", "--jobs", "1"]
    told = resonet(*asked, *measured, "--resonators", "saturating", "--measure", "noise")
    assert told.code == 0
    linear, saturated = json.loads(told.out)["points"]
    page = ["accuracy", place / "build", "--data", place / "test.npz", "--engine", "linear", "--json"]
    assert linear["accuracy"]["coupled"] == json.loads(resonet(*page).out)["accuracy"]["circuit_coupled"]
    assert {"accuracy", "noisy"} <= saturated.keys()
    told = resonet(*asked, *measured)
    assert "with --resonators saturating it may be an axis" in " ".join(told.err.split())
    assert "--measure" in resonet(*asked, "--resonators", "saturating").err


def test_what_changes_nothing_or_cannot_be_is_refused(place, resonet):
    build, data = place / "build", ["--data", place / "test.npz"]

    def refused(*words) -> str:
        told = resonet(*words)
        assert told.code > 0
        return " ".join(told.err.replace("│", " ").split())

    assert "--resonators saturating" in refused("accuracy", build, *data, "--balance", "full")
    assert "--resonators saturating" in refused("accuracy", build, *data, "--p-max", "2 nW")
    assert "--resonators saturating" in refused("accuracy", build, *data, "--fit", place / "batch.npz")
    saturating = ["accuracy", build, *data, "--resonators", "saturating"]
    assert "engine ngspice with saturating resonators; possible: " in refused(*saturating, "--engine", "ngspice")
    assert "no fitted program yet; possible: resonet calibrate --on-data" in refused(*saturating, "--program", "fitted")
    assert "program fitted is of saturating resonators" in refused("accuracy", build, *data, "--program", "fitted")
    assert "--p-max = '2 V': " in refused(*saturating, "--p-max", "2 V")
    assert "--engine two-pass" in refused("run", build, *data, "--resonators", "saturating")
    assert "without --on-data" in refused("calibrate", build, "--on-data", place / "batch.npz", "--fill", "0.5")


@pytest.fixture(scope="module")
def on_lines(tmp_path_factory, small_model) -> Path:
    """The convolution on strip lines, the dense layer on its bus."""
    place, rng = tmp_path_factory.mktemp("on_lines"), RNG(9)
    np.savez(place / "batch.npz", images=rng.uniform(0, 1, (30, 1, 8, 8)))
    np.savez(place / "test.npz", images=rng.uniform(0, 1, (12, 1, 8, 8)), labels=rng.integers(0, 3, 12))
    settings = [*SETTINGS, "feed.kind=stripline", "feed.window=9"]
    with collected():
        design = compile_cnn(small_model, read_parameters(None, settings), read_images(place / "batch.npz", (1, 8, 8)))
        write_design(design, small_model, place / "build")
    return place


@pytest.mark.slow
def test_accuracy_run_and_levels_under_strip_lines(on_lines, resonet):
    build, data = on_lines / "build", ["--data", on_lines / "test.npz"]
    asked = ["accuracy", build, *data, "--engine", "linear", "--program", "coupled"]
    linear = json.loads(resonet(*asked, "--json").out)["accuracy"]
    told = resonet(*asked, "--resonators", "saturating", "--p-max", "1 pW,100 nW", "--noise", "--json")
    assert told.code == 0
    weak, strong = json.loads(told.out)["accuracy"]["saturating"]
    assert (weak["circuit"], weak["same_class"]) == (linear["circuit_coupled"], linear["same_class_coupled"])
    assert (weak["p_max"], strong["p_max"], strong["balance"]) == (1e-12, 1e-7, "fast")  # of the layer on its bus
    assert weak["noise"]["images"] == strong["noise"]["images"] == 12
    quiet = resonet(*asked, "--resonators", "saturating", "--balance", "full")
    assert quiet.code == 0
    assert "noise was not drawn" in quiet.out
    run = ["run", build, *data, "--engine", "two-pass", "--program", "coupled", "--weights-by", "linear", "--json"]
    (plain, bent) = (json.loads(resonet(*run, *more).out) for more in ((), ("--resonators", "saturating")))
    assert plain["logits"]["software"] == bent["logits"]["software"]
    assert 0.01 < bent["layers"][0]["rms"] != plain["layers"][0]["rms"]
    asked = ["levels", build, "--data", on_lines / "batch.npz", "--program", "coupled", "--engine", "linear", "--json"]
    plain, bent = (json.loads(resonet(*asked, *more).out) for more in ((), ("--resonators", "saturating")))
    scales = [page["levels"]["layers"][0]["full_scale"] for page in (plain, bent)]
    assert scales[1] < 0.97 * scales[0]


@pytest.mark.slow
def test_sweep_under_strip_lines_and_what_is_refused(on_lines, resonet):
    build, data = on_lines / "build", ["--data", on_lines / "test.npz"]
    asked = ["sweep", build, "--engine", "linear", "--program", "coupled", "--over"]
    told = resonet(
        *asked, "plan.p_max=1pW,100nW", *data, "--measure", "accuracy", "--resonators", "saturating", "--json"
    )
    assert told.code == 0
    points = json.loads(told.out)["points"]
    assert {"conv1", "dense1"} == points[0]["rms_error"]["coupled"].keys()
    assert all(0 <= point["accuracy"]["coupled"] <= 1 for point in points)
    over = resonet(*asked, "geometry.pitch_x=1um,1.2um", "--json")
    first, second = (point["rms_error"]["coupled"]["conv1"] for point in json.loads(over.out)["points"])
    assert first != second
    refused = {
        "accuracy --resonators saturating --fit": (data, ["--fit", on_lines / "batch.npz"], "without it"),
        "operate": (
            ["--images", on_lines / "test.npz"],
            ["--target", "0.9"],
            "operating points: layer conv1 is on strip lines",
        ),
        "calibrate": ([], ["--on-data", on_lines / "batch.npz"], "calibrate --on-data: layer conv1 is on strip lines"),
    }
    for command, (files, more, words) in refused.items():
        verb, *options = command.replace(" --fit", "").split()
        found = resonet(verb, build, *options, *files, *more)
        assert found.code == 1, command
        assert words in " ".join(found.err.split()), command
