"""Sweeps of networks with layers on strip lines: what each point gives is what the network has when compiled there."""

from pathlib import Path

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.cascade.hardware import parallel_hardware, saturating_hardware
from resonet.cosim.feed.feeds import layer_weights
from resonet.cosim.noise.repeats import noisy_accuracy
from resonet.cosim.sweep.axes import Axis, Spread, axis_names, parse_axis
from resonet.cosim.sweep.sweep import Sweep, run_sweep
from resonet.cosim.sweep.table import sweep_dataset
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import read_images

LINES = [*SETTINGS, "feed.kind=stripline", "feed.layers=conv1", "neuron.bandwidth=1 MHz"]
PITCH = (1e-6, 1.5e-6)


def compiled(place, *settings):
    parameters = read_parameters(None, [*LINES, *settings])
    with collected():
        return compile_cnn(place / "tiny_none.onnx", parameters, read_images(place / "batch.npz", (1, 3, 4)))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place, rng = tmp_path_factory.mktemp("sweep_lines"), RNG(3)
    model, images = tiny_model(place), rng.uniform(0, 1, (12, 1, 3, 4))
    np.savez(place / "batch.npz", images=images)
    design = compiled(place)
    np.savez(place / "test.npz", images=images, labels=propagate(design.cnn, images).argmax(1))
    with collected():
        write_design(design, model, place / "build")
    return place


def points(place, axis, **more):
    sweep = Sweep(str(place / "build"), (axis,), programs=("coupled", "calibrated"), engine="linear", **more)
    with collected():
        _, outcomes = run_sweep(sweep, place / "build", 1)
    assert not [one.error for _, one in outcomes.items() if one.error]
    return sweep, outcomes, [outcomes[n].values for n in range(sweep.count)]


def test_weights_and_powers_over_the_geometry(place) -> None:
    sweep, outcomes, found = points(place, Axis("geometry.pitch_x", PITCH))
    for pitch, values in zip(PITCH, found, strict=True):
        design = compiled(place, f"geometry.pitch_x={pitch:g}")
        held = layer_weights(design, "coupled", linear, ["conv1"])["conv1"]
        assert values["rms_error"]["coupled"]["conv1"] == pytest.approx(held.rms_error, rel=1e-9)
        assert values["worst_aggressor"]["coupled"]["conv1"] == pytest.approx(held.worst.level, rel=1e-9)
        assert values["fill"]["coupled"]["conv1"] == held.fill
        assert values["rms_error"]["calibrated"]["conv1"] < values["rms_error"]["coupled"]["conv1"]
        assert values["residual"]["calibrated"]["conv1"] < 1e-5 < values["residual"]["coupled"]["conv1"]
        assert values["rms_error"]["calibrated"]["dense1"] < 1e-5  # on its bus
        assert values["source_dbm"]["conv1"] == pytest.approx(source(design), abs=1e-9)
    assert found[0]["rms_error"]["coupled"]["conv1"] != found[1]["rms_error"]["coupled"]["conv1"]
    data = sweep_dataset(sweep, outcomes)
    assert data["rms_error"].shape == (2, 2, 2)
    assert np.all(np.isfinite(data["rms_error"]))


def source(design):
    """dBm of a full tone's source, as `levels` has it."""
    with collected():
        paths = (
            parallel_hardware(design, "coupled", held=layer_weights(design, "coupled", linear)).levels.stages[0].paths
        )
    return 10 * np.log10(paths.emf[0] ** 2 / (8 * paths.impedance)) + 30


@pytest.mark.parametrize("resonators", ["linear", "saturating"])
def test_accuracy_and_noise_are_those_of_the_network(place, resonators) -> None:
    powers, data = (2e-9, 2e-7), str(place / "test.npz")
    _, _, found = points(
        place, Axis("plan.p_max", powers), data=data, measure="noise", resonators=resonators, repeats=2
    )
    images = read_images(place / "test.npz", (1, 3, 4))
    for power, values in zip(powers, found, strict=True):
        design = compiled(place, f"plan.p_max={power:g}")
        held = layer_weights(design, "coupled", linear)
        with collected():
            hardware = (
                saturating_hardware("coupled", held)(design)
                if resonators == "saturating"
                else parallel_hardware(design, "coupled", held=held)
            )
        own = classes(forward(design, hardware.answering, images.images), None)
        assert values["accuracy"]["coupled"] == np.mean(own == images.labels)
        made = noisy_accuracy(design, held, images, images.labels, 1, 2, noisy=hardware.noisy(1))
        assert values["noisy"]["coupled"] == made.mean


def test_what_is_no_axis_of_strip_lines(place) -> None:
    assert parse_axis("geometry.pitch_x=1um,2um", lines=True).values == (1e-6, 2e-6)
    assert "geometry.pitch_x" in axis_names(lines=True)
    with pytest.raises(InputError, match="changes no weight of bus feed"):
        parse_axis("geometry.pitch_x=1um,2um")
    for spread, axis in ((Spread(0.1), Axis("device.damping", (0.01,))), (Spread(), Axis("spread", (0.1,)))):
        with pytest.raises(
            InputError, match=r"spread of fabrication: layer conv1 is on strip lines .*without --spread"
        ):
            run_sweep(Sweep(str(place / "build"), (axis,), spread=spread, engine="linear"), place / "build", 1)
