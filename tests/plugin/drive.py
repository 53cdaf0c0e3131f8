"""Uses the example's extensions through the product, whether they come as a package or stand among ours.

    python drive.py FOLDER [NAME...]

FOLDER is empty, and gets the designs. Prints one JSON object: what was checked, by name, with what was found. Numbers
are held against closed forms, numpy and ONNX's reference; a check that fails ends the process with its traceback.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

SHAPE = (1, 8, 8)


def command(*words):
    """What `resonet WORDS --json` prints; exit status must be 0."""
    from resonet.cli.main import main

    return json.loads(told(main, *words, "--json"))


def told(main, *words):
    """Standard output of a command."""
    out, err, sys.argv = io.StringIO(), io.StringIO(), ["resonet", *map(str, words)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as error:
        code = error.code or 0
    assert code == 0, (words, out.getvalue(), err.getvalue())
    return out.getvalue()


def weights():
    rng = np.random.default_rng(5)
    return {
        "w1": rng.normal(0, 0.4, (4, 1, 3, 3)),
        "b1": rng.normal(0, 0.1, 4),
        "w2": rng.normal(0, 0.3, (5, 36)),
        "b2": rng.normal(0, 0.1, 5),
        "axis": np.array(1),
    }


def model(folder: Path) -> Path:
    """Convolution, Atan, dense layer, CumSum."""
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], strides=[2, 2]),
        helper.make_node("Atan", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["d"], transB=1),
        helper.make_node("CumSum", ["d", "axis"], ["y"], reverse=1),
    ]
    values = [
        numpy_helper.from_array(value.astype(np.int64 if name == "axis" else np.float32), name)
        for name, value in weights().items()
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        values,
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def prepare(folder: Path):
    """Model, images with the network's own answers as labels, design."""
    path, images = model(folder), np.random.default_rng(6).uniform(0, 1, (40, *SHAPE)).astype(np.float32)
    logits = ReferenceEvaluator(str(path)).run(None, {"x": images})[0]
    np.savez(folder / "images.npz", images=images, labels=logits.argmax(1))
    command("compile", path, "-o", folder / "build", "--calibration", folder / "images.npz")
    return path, images, logits


def device(folder, *_):
    from resonet.core.parameters import Interface
    from resonet.cosim.referee.device import two_port_points
    from resonet.models.device import devices

    kind = devices()["attenuator"]
    assert isinstance(kind.SPICE, Interface)
    assert "attenuator" in command("device", "list")["devices"]
    rows = {row["name"]: row["value"] for row in command("device", "attenuator", "--set", "loss=6dB")["parameters"]}
    assert rows == {"loss": 6.0, "z0": 50.0}
    s21, s11 = two_port_points(np.array([1e9]), "attenuator", rows, 50.0)
    assert abs(s21[0] - 10 ** (-6 / 20)) < 1e-9
    assert abs(s11[0]) < 1e-9
    assert (folder / "build" / "decks" / "lib" / "attenuator.lib").is_file()
    return {"s21": abs(s21[0])}


def onnx_operator(folder, path, images, logits):
    from resonet.netlist.network import propagate, read_cnn

    cnn = read_cnn(path)
    difference = np.abs(propagate(cnn, images) - logits).max()
    assert difference < 1e-5
    assert [layer.name for layer in cnn.synapses] == ["conv1", "dense1", "dense2"]
    return {"difference": float(difference)}


def activation(folder, path, images, logits):
    from resonet.netlist.network import read_cnn

    assert str(read_cnn(path).synapses[0].activation) == "arctangent"
    command("calibrate", folder / "build")
    shares = command("accuracy", folder / "build", "--data", folder / "images.npz")["accuracy"]
    assert shares["software"] == 1.0
    assert shares["circuit_calibrated"] >= 0.95
    words = ("run", folder / "build", "--data", folder / "images.npz", "--engine", "two-pass", "--program")
    found = command(*words, "calibrated", "--image", 3)
    run = np.array(found["logits"]["two-pass"])
    assert np.abs(run - logits[3]).max() < 0.1 * np.abs(logits).max()
    return {"accuracy": shares["circuit_calibrated"], "run": float(np.abs(run - logits[3]).max())}


def engine(folder, *_):
    from resonet.cosim.weights import effective_weights, find_engine
    from resonet.cosim.weights.engines import readout_divider
    from resonet.netlist.design import load_design

    design = load_design(folder / "build")
    plan = design.plan
    for layer in ("conv1", "dense1"):
        ideal, found = (
            effective_weights(design, layer, "coupled", engine=find_engine(n)) for n in ("formula", "divided")
        )
        part = readout_divider(plan, plan.layer(layer))
        assert 0.5 < part < 1
        # Phasors at resonance lose 1 / damping of their digits: 1 - (f / f_res)^2 is next to nothing there.
        rounding = np.finfo(float).eps / plan.device.damping * np.abs(ideal.values).max()
        assert np.allclose(found.values, part * ideal.values, rtol=1e-12, atol=rounding)
    rows = command("crosstalk", folder / "build", "--engine", "divided", "--program", "coupled")["layers"]
    assert [row["name"] for row in rows] == ["conv1", "dense1", "dense2"]
    layers = command("calibrate", folder / "build", "--engine", "divided", "--layer", "conv1")["layers"]
    assert layers[0]["status"] == "converged"
    assert layers[0]["rms_after"] < 1e-6
    return {"divider": part, "rms_after": layers[0]["rms_after"]}


def dialect(folder, *_):
    from resonet.core.errors import InputError
    from resonet.netlist.bus import dc_gain_decks, rf_deck
    from resonet.netlist.design import load_design
    from resonet.netlist.spice import find_dialect

    buses = load_design(folder / "build").hardware("conv1", "coupled")
    decks = [rf_deck(buses[0], dialect=find_dialect("xyce")), *dc_gain_decks(buses, dialect=find_dialect("xyce"))]
    ours = [rf_deck(buses[0]), *dc_gain_decks(buses)]
    for deck, plain in zip(decks, ours, strict=True):
        lines, others = ([x for x in one.text.splitlines() if x.startswith("x")] for one in (deck, plain))
        assert [line.replace(" PARAMS:", "") for line in lines] == others
        assert ".control" not in deck.text
        assert deck.text.count("\n.print ") == 1
        assert deck.text.rstrip().endswith(".end")
    with pytest.raises(InputError, match="2 analyses"):
        find_dialect("xyce").write_runs("two", ["op", "ac dec 1 1 10"])
    return {"decks": len(decks)}


def arrangement(folder, *_):
    from resonet.netlist.design import load_design
    from resonet.netlist.strip import place_layer

    build = folder / "build"
    placed = place_layer(load_design(build).plan.layer("conv1").layer, "column")
    g, spots = placed.geometry, placed.xyz
    assert np.allclose(np.ptp(spots, axis=0), [8 * g.pitch_x, 4 * 9 * g.pitch_y + 3 * g.block_gap - g.pitch_y, 0])
    assert len(np.unique(spots.round(9), axis=0)) == len(spots)
    (facts,) = command("layout", build, "--layer", "conv1", "--arrangement", "column")["layouts"]
    (planar,) = command("layout", build, "--layer", "conv1", "--arrangement", "planar")["layouts"]
    assert facts["arrangement"] == "column"
    assert facts["resonators"] == planar["resonators"] == 4 * 9 * 9
    assert facts["size"][1] > np.ptp(spots[:, 1])
    window = ("--chains", 2, "--neighbours", 0)
    found = command("sneak", build, "--layer", "conv1", "--arrangement", "column", *window)
    checked = ("--engine", "ngspice", *window)
    spice = command("sneak", build, "--layer", "conv1", "--arrangement", "column", *checked)
    both = [{row["cause"]: row["alone"] for row in one["causes"]}["all together"] for one in (found, spice)]
    assert found["arrangement"] == "column"
    assert abs(both[0] - both[1]) < 1e-6 * both[0]
    return {"size": facts["size"], "error": both[0]}


def netlists(folder, *_):
    from resonet.cli.main import main

    assert "--dialect" in told(main, "netlists", "--help")
    assert "netlists" in told(main, "--help")
    found = command("netlists", folder / "build", "--layer", "conv1", "--dialect", "xyce", "-o", folder / "xyce")
    assert len(found["decks"]) >= 2
    assert "PARAMS:" in Path(found["decks"][0]).read_text()
    assert (folder / "xyce" / "lib" / "resonator.lib").is_file()
    return {"decks": len(found["decks"])}


CHECKS = {
    "onnx_operator": onnx_operator,
    "device": device,
    "dialect": dialect,
    "command": netlists,
    "engine": engine,
    "activation": activation,
    "arrangement": arrangement,
}

if __name__ == "__main__":
    given, names = Path(sys.argv[1]), sys.argv[2:] or CHECKS
    parts = prepare(given)
    sys.stdout.write(json.dumps({name: CHECKS[name](given, *parts) for name in names}))
