"""compile --force: the next calibration begins where the one before stood, if network and shapes agree."""

import json

import numpy as np
import pytest
from conftest import RNG, save_model, small_nodes, small_weights

from resonet.cosim.calibration.newton import Status, calibrate
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.earlier import EARLIER, read_earlier
from resonet.netlist.design.folder import load_design, write_calibrated, write_design
from resonet.netlist.design.parameters import read_parameters


def changed(small_model, *settings):
    return compile_cnn(small_model, read_parameters(None, settings))


@pytest.fixture(scope="module")
def calibrated(small_model, tmp_path_factory):
    """Folder of a calibrated design."""
    folder = tmp_path_factory.mktemp("earlier") / "build"
    made = calibrate(changed(small_model)).design
    write_design(made, small_model, folder)
    write_calibrated(made, folder, ["conv1", "dense1"])
    return folder


@pytest.fixture
def build(calibrated, tmp_path):
    import shutil

    return shutil.copytree(calibrated, tmp_path / "build")


@pytest.mark.parametrize(
    ("setting", "passes"),  # impedance and power of the tones move no weight once the tones are levelled
    [("bus.impedance=60", 0), ("plan.p_max=1 nW", 0), ("bus.node_capacitance=0.03 fF", 2), ("plan.f_max=19 GHz", 2)],
)
def test_a_changed_parameter_keeps_the_calibration_as_a_start(small_model, build, setting, passes):
    design = changed(small_model, setting)
    write_design(design, small_model, build, force=True)
    earlier = read_earlier(build, design)
    assert set(earlier) == {"conv1", "dense1"}
    plain, again = calibrate(design), calibrate(design, earlier=earlier)
    assert {one.status for one in (*plain.layers, *again.layers)} == {Status.CONVERGED}
    assert [one.began for one in again.layers] == ["earlier", "earlier"]
    assert [one.began for one in plain.layers] == ["coupled", "coupled"]
    assert sum(one.passes for one in plain.layers) == 2
    assert sum(one.passes for one in again.layers) == passes
    assert again.layers[1].rms_before < (1e-9 if passes == 0 else 0.6 * plain.layers[1].rms_before)
    assert max(one.worst_after for one in again.layers) < 1e-6
    write_calibrated(again.design, build, ["conv1", "dense1"])
    assert not (build / EARLIER).exists()


def test_it_waits_through_several_changes_and_counts_for_what_it_fits_only(small_model, build, tmp_path):
    for setting in ("bus.impedance=60", "bus.impedance=70"):
        write_design(changed(small_model, setting), small_model, build, force=True)
    design = load_design(build)
    first = read_earlier(build, design)
    kept = changed(small_model).plan
    assert len(first) == len(kept.layers)
    tiles = changed(small_model, "plan.tile=12")  # the dense layer gets other buses
    write_design(tiles, small_model, build, force=True)
    assert set(read_earlier(build, tiles)) == {"conv1"}
    other = save_model(tmp_path / "other.onnx", small_nodes(), small_weights(9), (1, 8, 8), "y")
    write_design(compile_cnn(other), other, build, force=True)
    assert not (build / EARLIER).exists()


@pytest.mark.parametrize("damage", ["cut", "values", "shape"])
def test_a_damaged_start_is_none(small_model, build, damage):
    design = changed(small_model, "bus.impedance=60")
    write_design(design, small_model, build, force=True)
    path = build / EARLIER
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    else:
        with np.load(path) as file:
            arrays = dict(file)
        key = next(name for name in arrays if name.endswith("detuning"))
        arrays[key] = np.full_like(arrays[key], np.nan) if damage == "values" else arrays[key][:1]
        np.savez_compressed(path, **arrays)
    assert "conv1" not in read_earlier(build, design)


def test_a_start_that_leads_nowhere_is_left(small_model):
    design = changed(small_model)
    programmed = design.program("coupled").layer("conv1")
    far = type(programmed)("conv1", programmed.weight_scale, tuple(0.2 * f for f in programmed.f_res), 0.0)
    found = calibrate(design, layers=["conv1"], earlier={"conv1": far})
    assert found.layers[0].status is Status.CONVERGED
    assert found.layers[0].worst_after < 1e-6


def test_the_commands_say_so_and_the_figures_stay(small_model, tmp_path, resonet):
    folder, data = tmp_path / "build", tmp_path / "data.npz"
    np.savez(data, images=RNG(1).uniform(0, 1, (3, 1, 8, 8)))
    assert resonet("compile", small_model, "-o", folder).code == 0
    first = json.loads(resonet("calibrate", folder, "--json").out)["layers"]
    assert {row["began"] for row in first} == {"coupled"}
    told = resonet("compile", small_model, "-o", folder, "--force", "--set", "bus.impedance=60")
    assert told.code == 0
    assert "the next calibration of conv1, dense1 begins at the calibrated program of the design before" in told.out
    assert (folder / "report" / "earlier" / "calibration.png").is_file()
    again = json.loads(resonet("calibrate", folder, "--json").out)["layers"]
    assert {row["began"] for row in again} == {"earlier"}
    assert sum(row["passes"] for row in again) < sum(row["passes"] for row in first)
    assert resonet("compile", small_model, "-o", folder, "--force", "--set", "bus.impedance=65").code == 0
    assert "began at the calibrated program of the design before" in resonet("calibrate", folder).out
    assert resonet("compile", small_model, "-o", folder, "--force", "--set", "bus.impedance=66").code == 0
    chosen = json.loads(resonet("calibrate", folder, "--start", "coupled", "--json").out)["layers"]
    assert {row["began"] for row in chosen} == {"coupled"}
