"""Spreads of a design, its corners, and chips from their numbers alone."""

import math
from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.netlist.chips.draws import normals
from resonet.netlist.chips.spread import QUANTITIES, SpreadOptions
from resonet.netlist.design.chips import ChipSampler, chip_hardware, corner_chip, sampled_chip
from resonet.netlist.design.parameters import read_parameters

EVERYTHING = {name: 0.01 for name, one in QUANTITIES.items() if one.of != "line" and not one.saturating}


def values(chip, name="resistance"):
    """All factors of a quantity."""
    return np.concatenate([array.ravel() for layer in chip.layers.values() for array in layer.resonators[name]])


@pytest.mark.parametrize("law", ["normal", "lognormal", "uniform"])
def test_a_law_has_mean_one_and_its_standard_deviation(law):
    found = SpreadOptions(resistance=0.2, law=law).values("resistance", normals(1, 2, 3, 4, 200_000))
    assert found.mean() == pytest.approx(1, abs=4 * 0.2 / math.sqrt(200_000))
    assert found.std() == pytest.approx(0.2, rel=0.01)
    if law == "uniform":
        assert found.min() > 1 - 0.2 * math.sqrt(3)


@pytest.mark.slow
def test_shares_of_gradient_chip_and_devices(small_design):
    own = "resistance normal 0.5 0.3"
    sampler = ChipSampler(small_design, SpreadOptions(resistance=0.1, own=own))
    found = np.array([values(sampler.chip(n)) for n in range(3000)]) - 1
    # Variance over chips and devices is that of the spread; the mean over a chip is its own part and little else.
    assert found.var() == pytest.approx(0.01, rel=0.05)
    size = found.shape[1]
    assert found.mean(1).var() == pytest.approx(0.3 * 0.01 + 0.2 * 0.01 / size, rel=0.1)
    flat = ChipSampler(small_design, SpreadOptions(resistance=0.1, gradient=1.0)).chip(4)
    (x, y), *_ = ChipSampler(small_design).positions["conv1"].resonators
    first = flat.layers["conv1"].resonators["resistance"][0] - 1
    plane = np.column_stack([a.ravel() for a in np.broadcast_arrays(x, y)])
    fit, *_ = np.linalg.lstsq(plane, first.ravel(), rcond=None)
    assert np.abs(plane @ fit - first.ravel()).max() < 1e-12


def test_positions_are_centred_and_of_mean_square_one(small_design):
    places = [p for layer in ChipSampler(small_design).positions.values() for p in layer.resonators]
    x, y = (np.concatenate([np.broadcast_arrays(*p)[n].ravel() for p in places]) for n in (0, 1))
    assert x.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean(x**2 + y**2) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["random", "sobol", "sobol_all"])
def test_a_chip_comes_from_seed_and_number_alone(small_design, sampling):
    spread = SpreadOptions(**EVERYTHING, gradient=0.2, chip=0.3, sampling=sampling)
    sampler = ChipSampler(small_design, spread, 5)
    later = [sampler.chip(n) for n in (9, 2, 7)]
    alone = sampled_chip(small_design, spread, 5, 2)
    for name in ("f_res", "damping"):
        assert np.array_equal(values(alone, name), values(later[1], name))
        assert not np.allclose(values(alone, name), values(later[0], name))
    assert np.array_equal(alone.layers["dense1"].tones["tone_level"], later[1].layers["dense1"].tones["tone_level"])
    other = sampled_chip(small_design, spread, 6, 2)
    assert not np.allclose(values(other), values(alone))


def test_another_quantity_moves_nothing_of_the_first(small_design):
    alone = sampled_chip(small_design, SpreadOptions(resistance=0.05), 1, 3)
    both = sampled_chip(small_design, SpreadOptions(resistance=0.05, f_res=0.001), 1, 3)
    assert np.array_equal(values(alone), values(both))


def test_sobol_points_fill_what_chips_have_in_common_evenly(small_design):
    """Of 64 points each 64th of the axis has one (a net in base 2), scrambled or not."""
    sampler = ChipSampler(small_design, SpreadOptions(resistance=0.1, damping=0.1, chip=1.0, sampling="sobol"))
    scores = np.array([[sampler.chip(n).common[q] - 1 for q in ("resistance", "damping")] for n in range(64)]) / 0.1
    unit = np.array([[0.5 * math.erfc(-z / math.sqrt(2)) for z in row] for row in scores])
    for axis in unit.T:
        assert sorted(np.floor(axis * 64).astype(int)) == list(range(64))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"resistance": 0.6, "law": "uniform"}, "reaches zero"),
        ({"offset": 1e-6, "law": "lognormal"}, "may be negative"),
        ({"resistance": 0.1, "gradient": 0.7, "chip": 0.6}, "at most 1 together"),
        ({"own": "resistence normal 0 0"}, "NAME LAW GRADIENT CHIP"),
        ({"own": "resistance gauss 0 0"}, "LAW of normal"),
        ({"law": "cauchy"}, "possible: normal, lognormal, uniform"),
    ],
)
def test_spreads_that_cannot_be(given, told):
    with pytest.raises(InputError, match=told):
        SpreadOptions(**given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"line_width": 0.1}, "spread.line_width: no layer of this design is on strip lines"),
        ({"resistance": 1.0}, "spread.resistance = 1: normal, it leaves a device"),
        ({"resistance": 0.1, "sampling": "sobol"}, "whose shares are zero"),
        ({"tone_frequency": 0.2}, "change places"),
    ],
)
def test_spreads_that_a_design_has_no_use_for(small_design, given, told):
    def draw():
        for n in range(20):
            chip_hardware(small_design, "conv1", "coupled", sampled_chip(small_design, SpreadOptions(**given), 1, n))

    with collected(), pytest.raises(InputError, match=told):  # a spread of 100 % also warns of its law
        draw()


def test_a_spread_that_only_saturating_resonators_know_is_named(small_design):
    with pytest.warns(UserWarning, match="linear resonators have no saturation.nonlinear_damping"):
        ChipSampler(small_design, SpreadOptions(nonlinear_damping=0.1))


CORNERS = """
[spread]
resistance = 0.05
damping = 0.1
[corner.hot]
resistance = 2
device.damping = 0.02
noise.temperature = "400 K"
"""


def test_corners(tmp_path, small_design):
    path = tmp_path / "corners.toml"
    path.write_text(CORNERS)
    given = read_parameters(path)
    design = replace(small_design, parameters=given)
    hot, slow, nominal = (corner_chip(design, name) for name in ("hot", "ss", "tt"))
    assert np.all(values(hot) == pytest.approx(1.1))
    assert hot.device.damping == 0.02
    assert np.all(values(slow) == pytest.approx(1.15))
    assert np.all(values(slow, "damping") == pytest.approx(1.3))
    assert not nominal.layers["conv1"].resonators
    around = ChipSampler(design, corner="hot")
    found = np.mean([values(around.chip(n)).mean() for n in range(50)])
    assert found == pytest.approx(1.1, abs=4 * 0.05 / math.sqrt(50 * 100))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[corner.ss]\nresistance = 1", "names of letters and digits, other than tt, ss, ff"),
        ("[corner.a]\nresistance = 30", "corner.a.resistance = 30: possible: -10 ... 10"),
        ("[corner.a]\nplan.tile = 3", "corner.a.plan: possible: standard deviations"),
        ("[corner.a]\nbus.groups = 3", "corner.a.bus.groups: what a designer decides"),
        ("[corner.a]\ndevice.dumping = 3", "no such parameter"),
        ("[corner.a]\ndevice.damping = 3", "corner.a.device.damping = 3: must be within"),
        ("corner = 3", "tables .corner.NAME. are expected"),
    ],
)
def test_corners_that_cannot_be(tmp_path, text, told):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_parameters(path)


def test_no_such_corner(small_design):
    with pytest.raises(InputError, match="possible: tt, ss, ff"):
        corner_chip(small_design, "xx")
    with pytest.raises(InputError, match=r"nothing in .spread. that it could shift"):
        corner_chip(small_design, "ss")
