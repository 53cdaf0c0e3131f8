"""The feed as a part of the design: strip lines through accuracy, crosstalk, the store and the commands; refusals."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import tomli_w
from conftest import complaint

from resonet.core.errors import InputError
from resonet.cosim.calibration.newton import calibrate, calibrated_design
from resonet.cosim.calibration.quantised import quantise_design
from resonet.cosim.feed.comparison import compare_layer, comparison_steps
from resonet.cosim.feed.feeds import chosen_programs, layer_weights, network_programs
from resonet.cosim.feed.store import (
    changed_parts,
    effective_path,
    result_parts,
    stored_effective_weights,
    stored_parts,
    stored_programs,
)
from resonet.cosim.referee.chain import transient
from resonet.cosim.strip.laid_out import lay_out
from resonet.cosim.strip.layer import solve_layer_windows, strip_weights
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import formula, linear
from resonet.cosim.weights.inference import accuracy, forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import activate, propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.usage import layer_usage

LINES = ["feed.kind=stripline", "feed.window=9"]
RANGE = (-0.5, 1.0)  # inputs below zero are carried with an offset


@pytest.fixture(scope="module")
def lines(small_model):
    """The small network with its convolution on strip lines."""
    return compile_cnn(small_model, read_parameters(settings=LINES), input_range=RANGE)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(6).uniform(*RANGE, (12, 1, 8, 8))


@pytest.fixture(scope="module")
def by_hand(lines):
    """conv1 under the same lines, put together without the feed."""
    layer, options = lines.plan.layer("conv1").layer, lines.plan.options
    placement = place(layer_usage(layer), "planar")
    strip = solve_layer_windows(placement, layer, np.geomspace(options.f_min, options.f_max, 9), size=9)
    return strip_weights(strip, options.fill)


def logits_by_hand(design, weights, others, images):
    """The law of both layers written out: line by line, and chain by chain with the bias trimmed by hand."""

    def layer_by_hand(layer, x):
        scale = design.scales[layer.name]
        if layer.name == "conv1":
            carried = np.clip((x.reshape(len(x), -1)[:, weights.usage.inputs] + scale.offset) / scale.full_scale, 0, 1)
            sums = (carried * scale.full_scale - scale.offset) @ weights.values.T
            return activate(layer, sums.reshape(len(x), 1, 4, 9).swapaxes(0, 1))
        carried = np.clip((x.reshape(len(x), -1) + scale.offset) / scale.full_scale, 0, 1)
        sums = (carried * scale.full_scale - scale.offset) @ others["dense1"].values[0].T
        return activate(layer, sums[None, :, :, None])

    return propagate(design.cnn, images, layer_by_hand)


def test_a_design_on_strip_lines_holds_what_strip_lines_hold(lines, images, by_hand):
    assert (lines.feed("conv1"), lines.feed("dense1")) == ("stripline", "bus")
    assert lines.scales["conv1"].offset > 0
    for program in ("formula", "coupled"):
        held = layer_weights(lines, program, linear)
        assert held["conv1"].values == pytest.approx(by_hand[program].values, rel=1e-12, abs=1e-15)
        assert held["conv1"].rms_error == pytest.approx(by_hand[program].rms(), rel=1e-12)
        others = {"dense1": effective_weights(lines, "dense1", program, engine=linear)}
        wanted = logits_by_hand(lines, by_hand[program], others, images)
        found = forward(lines, held, images)
        assert np.abs(found - wanted).max() < 1e-12 * np.abs(wanted).max()
        data = ImageSet("x", images, wanted.argmax(1))
        assert accuracy(lines, held, data).circuit == 1


@pytest.mark.parametrize("arrangement", ["sequential", "planar", "stacked"])
def test_lines_without_causes_are_the_trained_network(small_model, images, arrangement):
    settings = [*LINES, "feed.causes=none", f"feed.arrangement={arrangement}", "plan.fill=0.5"]
    design = compile_cnn(small_model, read_parameters(settings=settings), input_range=RANGE)
    held = layer_weights(design, "coupled", formula, ["dense1"]) | layer_weights(design, "coupled", None, ["conv1"])
    assert held["conv1"].rms_error < 1e-9
    software = propagate(design.cnn, images)
    assert np.abs(forward(design, held, images) - software).max() < 1e-6 * np.abs(software).max()


def test_programs_of_a_mixed_network(lines):
    assert network_programs(lines) == ("formula", "coupled")
    assert network_programs(lines, ["conv1"]) == ("formula", "coupled", "shared", "calibrated")
    calibrated = calibrated_design(lines)
    assert network_programs(calibrated) == ("formula", "coupled", "shared", "calibrated")
    assert network_programs(calibrated.on_buses()) == ("formula", "coupled", "calibrated")
    with pytest.raises(InputError, match=r"no calibrated program yet; possible: formula, coupled, or resonet calib"):
        chosen_programs(lines, "calibrated")
    with pytest.raises(InputError, match=r"no shared program; possible: formula, coupled$"):
        chosen_programs(lines, "shared", ["dense1"])
    held = layer_weights(calibrated, "shared", linear)  # a bus has none of its own: calibrated
    assert held["dense1"].rms_error < 1e-6 < held["conv1"].rms_error


@pytest.fixture(scope="module")
def folder(lines, small_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "build"
    write_design(lines, small_model, path)
    return path


def test_the_folder_says_which_feed(lines, folder):
    table = tomllib.loads((folder / "design.toml").read_text())["feed"]
    assert table == {
        "kind": "stripline", "layers": "convolutions", "arrangement": "planar", "causes": "all", "window": 9,
        "neighbours": 3,
    }  # fmt: skip
    assert load_design(folder).parameters == lines.parameters
    assert not list((folder / "decks").rglob("conv1*"))  # decks are of buses
    assert list((folder / "decks").rglob("dense1*"))


def test_a_folder_without_a_feed_is_on_buses(small_design, small_model, tmp_path):
    write_design(small_design, small_model, tmp_path / "old")
    path = tmp_path / "old" / "design.toml"
    tables = tomllib.loads(path.read_text())
    assert tables.pop("feed")["kind"] == "bus"
    path.write_text(tomli_w.dumps(tables))
    old = load_design(tmp_path / "old")
    assert (old.fed_by("bus"), old.fed_by("stripline")) == (["conv1", "dense1"], [])


def test_results_are_kept_and_known(lines, folder, by_hand, monkeypatch):
    steps = []
    first = stored_programs(folder, lines, ("coupled", "shared"), ["conv1"], done=lambda: steps.append(1))
    assert len(steps) == 2 * len(lay_out(lines, "conv1").windows)
    monkeypatch.setattr("resonet.cosim.strip.laid_out.solve_layer_windows", None)  # not asked again
    for program, held in first.items():
        again = stored_effective_weights(folder, load_design(folder), program, ["conv1"])["conv1"]
        for name in ("values", "trained", "uses", "f_res"):
            assert np.array_equal(getattr(again, name), getattr(held["conv1"], name)), name
        for name in ("fill", "gain", "scale", "failing", "worst", "layer", "method", "groups", "parallel"):
            assert getattr(again, name) == getattr(held["conv1"], name), name
        assert again.values == pytest.approx(by_hand[program].values, rel=1e-12, abs=1e-15)
        assert again.worst.level == pytest.approx(20 * np.log10(next(iter(again.crosstalk.values())).max()))
    path = effective_path(folder, "conv1", "coupled")
    known = stored_parts(path)
    assert changed_parts(known, result_parts(lines, "conv1", "coupled")) == []
    for setting, parts in (
        ("feed.neighbours=2", ["feed"]),
        ("geometry.pitch_x=3 um", ["geometry"]),
        ("device.damping=0.02", ["device"]),
        ("plan.fill=0.5", ["program"]),
    ):
        other = replace(lines, parameters=read_parameters(settings=[*LINES, setting]))
        other = replace(other, plan=replace(lines.plan, device=other.parameters.device, options=other.parameters.plan))
        assert changed_parts(known, result_parts(other, "conv1", "coupled")) == parts, setting
    assert "bus" in changed_parts(known, result_parts(lines.on_buses(), "conv1", "coupled"))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    assert stored_parts(path) is None


def test_the_commands(lines, folder, images, by_hand, resonet, tmp_path):
    others = {"dense1": effective_weights(lines, "dense1", "coupled")}
    labels = logits_by_hand(lines, by_hand["coupled"], others, images).argmax(1)
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    told = resonet("accuracy", folder, "--data", tmp_path / "set.npz", "--program", "coupled", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["accuracy"]["circuit_coupled"] == 1
    told = resonet("accuracy", folder, "--data", tmp_path / "set.npz", "--program", "coupled", "--noise", "--json")
    assert json.loads(told.out)["noise"]["programs"]["coupled"]["mean"] < 1  # at 2 nW and 20 MHz
    told = resonet("crosstalk", folder, "--layer", "conv1", "--json")
    assert told.code == 0, told.err
    row = json.loads(told.out)["layers"][0]
    assert row["feed"] == "stripline"
    for program in ("formula", "coupled", "shared", "calibrated"):
        assert row[f"rms_error_{program}"] == pytest.approx(by_hand[program].rms(), rel=1e-9), program
    assert row["worst_aggressor"].startswith("line ")
    states = json.loads(resonet("status", folder, "--json").out)["weights"]
    shown = {line["what"]: line["state"] for line in states}
    assert shown["effective weights, conv1, shared"] == "fresh"
    assert "effective weights, dense1, shared" not in shown
    split = json.loads(resonet("sneak", folder, "--layer", "conv1", "--chains", 3, "--json").out)
    assert (split["feed"], split["arrangement"]) == ("stripline", "planar")
    assert json.loads(resonet("sneak", folder, "--layer", "dense1", "--json").out)["feed"] == "bus"
    assert json.loads(resonet("layout", folder, "--layer", "conv1", "--json").out)["layouts"][0]["chains"] == 36


def test_a_layer_next_to_what_else_could_hold_it(lines, images, by_hand):
    data, steps = ImageSet("x", images, propagate(lines.cnn, images).argmax(1)), []
    laid = lay_out(lines, "conv1")
    found = compare_layer(lines, laid, data, lambda: steps.append(1))
    assert len(steps) == comparison_steps(laid)
    assert found.accuracy["software"] == 1
    bus = calibrated_design(lines.on_buses())
    held = {name: effective_weights(bus, name, "calibrated", engine=linear) for name in ("conv1", "dense1")}
    for program, weights in found.programs.items():
        assert weights.values == pytest.approx(by_hand[program].values, rel=1e-12, abs=1e-15)
        wanted = logits_by_hand(lines, by_hand[program], held, images).argmax(1)
        assert found.accuracy[f"strip lines, {program}"] == np.mean(wanted == data.labels)


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (lambda d: effective_weights(d, "conv1", "coupled"), "chains on a bus: layer conv1 is on strip lines"),
        (lambda d: calibrate(d, layers=["conv1"]), "calibrate: layer conv1"),
        (lambda d: quantise_design(d, linear), "quantise: layer conv1"),
        (lambda d: transient(d, "conv1", "coupled", np.ones(9)), "transient: layer conv1"),
        (
            lambda d: layer_weights(d, "coupled", formula, ["conv1"]),
            "engine formula on strip lines; possible: auto, linear",
        ),
    ],
)
def test_what_is_of_buses_says_so(lines, verb, told):
    with pytest.raises(InputError, match=told):
        verb(lines)


def test_commands_of_buses_say_so_in_one_line(folder, resonet):
    for command in (
        ("quantise", folder),
        ("share", folder, "--layer", "conv1"),
        ("calibrate", folder, "--layer", "conv1"),
        ("sparams", folder, "--layer", "conv1"),
        ("sweep", folder, "--over", "device.damping=0.01,0.02", "--spread", "0.1"),
    ):
        assert "layer conv1 is on strip lines" in complaint(resonet(*command))
    told = resonet("sneak", folder, "--layer", "dense1", "--feed", "bus", "--chains", 2)
    assert told.code == 2
    assert "--chains: changes nothing here; possible: with --feed stripline" in " ".join(
        told.err.replace("│", " ").split()
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("feed.kind=wire", r"feed.kind = 'wire': possible: bus, stripline"),
        ("feed.arrangement=round", "feed.arrangement = 'round': possible: sequential, planar, stacked"),
        ("feed.causes=line_loss, rain", "feed.causes = 'rain': possible: all, none, chain_ground"),
        ("feed.causes=all, line_loss", "possible: all, none, or names"),
        ("feed.neighbours=-1", "feed.neighbours = -1"),
        ("feed.layers=conv9", "feed.layers = 'conv9': no such layer; possible: convolutions, all, or of conv1, dense1"),
        ("feed.layers=", "feed.layers = '': a word is expected"),
    ],
)
def test_a_feed_that_is_not_possible(small_model, setting, told):
    with pytest.raises(InputError, match=told):
        compile_cnn(small_model, read_parameters(settings=["feed.kind=stripline", setting]))


def test_causes_and_layers_by_name(small_model):
    settings = ["feed.kind=stripline", "feed.layers=dense1", "feed.causes=line_delay,mismatch"]
    design = compile_cnn(small_model, read_parameters(settings=settings))
    assert (design.feed("conv1"), design.feed("dense1")) == ("bus", "stripline")
    assert lay_out(design, "dense1").causes == ("line_delay", "mismatch")
