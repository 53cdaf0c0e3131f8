"""Arrangements as records: one of somebody else is placed, attributed and drawn like ours."""

import json
from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.strip.attribution import attribute
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.arrangement import ARRANGEMENTS, PLANAR, STACKED, Arrangement
from resonet.netlist.strip.drive import strip_program
from resonet.netlist.strip.placement import place, place_layer
from resonet.netlist.strip.usage import layer_usage, wired_usage

DEVICE = SpinDiode()


def mirrored(usage, g):
    """The planar layout seen from below: x the other way round, chains and blocks from right to left."""
    spots = PLANAR.locate(usage, g)
    xyz = spots.xyz * [-1, 1, 1] + [spots.xyz[:, 0].max(), 0, 0]
    return replace(spots, xyz=xyz, column=spots.column.max() - spots.column)


@pytest.fixture
def registered(monkeypatch):
    """An arrangement of somebody else, for the time of a test."""
    monkeypatch.setattr(ARRANGEMENTS, "_added", dict(ARRANGEMENTS._added))
    monkeypatch.setattr(ARRANGEMENTS, "_table", None)
    return ARRANGEMENTS.add(Arrangement("mirrored", mirrored))


def test_the_mirror_image_has_the_same_weight_errors(registered):
    table = [[j, j + 1, j + 2] for j in range(3)] * 2
    usage = wired_usage(table, np.repeat([[0, 1, 2], [3, 4, 5]], 3, 0))
    tones, weights = np.geomspace(2e9, 8e9, usage.tones), np.array([0.5, -0.3, 0.2, 0.7, 0.1, -0.6])
    weights = weights * DEVICE.sensitivity
    split = []
    for name in ("planar", "mirrored"):
        placement = place(usage, name)
        f_res = strip_program(placement, weights, tones, DEVICE)
        split.append(attribute(placement, tones, f_res, weights, device=DEVICE))
    ours, theirs = split
    assert np.abs(ours.total).max() > 1e-3
    # Where a bridge touches the end of a stub, a hair's breadth decides which of the two it crosses.
    assert theirs.total == pytest.approx(ours.total, abs=1e-4 * np.abs(ours.total).max())
    for one, two in zip(ours.parts, theirs.parts, strict=True):
        assert two.alone == pytest.approx(one.alone, abs=1e-9 if "chains" not in one.name else 1e-5), one.name


def test_the_commands_take_it(registered, build, resonet):
    told = resonet("layout", build, "--layer", "conv1", "--arrangement", "all", "--json")
    assert told.code == 0, told.err
    layouts = {one["arrangement"]: one for one in json.loads(told.out)["layouts"]}
    assert list(layouts) == ["sequential", "planar", "stacked", "mirrored"]
    for key in ("area", "bridge_fill", "crossings"):
        assert layouts["mirrored"][key] == pytest.approx(layouts["planar"][key], rel=1e-12), key
    assert (build / "report" / "layout_conv1_mirrored.png").is_file()


def test_levels_are_asked_of_the_record(small_design):
    layer = small_design.plan.layer("conv1").layer
    usage = layer_usage(layer)
    assert (PLANAR.levels(usage), STACKED.levels(usage)) == (1, 9)
    assert place_layer(layer, "sequential").usage.chains == 4
    assert place_layer(layer, STACKED).usage.chains == 36
    with pytest.raises(InputError, match="no arrangement 'round'; possible: sequential, planar, stacked"):
        place_layer(layer, "round")


def test_a_stack_of_one_level_drives_its_resonators():
    one = place(wired_usage([[0], [0], [0]]), "stacked")  # three chains of one tap under one line
    assert np.all(np.abs(one.heading) == 1)
