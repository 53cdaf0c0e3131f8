"""Decks: the sweep hits the channels, the text is deterministic, every instance fits its subcircuit."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonet.netlist.bus.deck import dc_gain_decks, rf_deck, sparam_deck, transient_deck
from resonet.netlist.spice.sweep import channel_sweeps
from resonet.spice_lib.library import library, library_text


def swept(sweep):
    """The channels that ngspice hits, by what it was measured to do: floor(N log10(stop / start)) equal ratios."""
    low, high = sweep.low, sweep.high
    if sweep.scale == "lin":
        return [low]
    exact = math.log10(high / low) * sweep.number
    assert 1e-5 < exact - math.floor(exact) < 1 - 1e-5  # never on an edge
    points = np.geomspace(low, high, math.floor(exact) + 1)
    return points[: sweep.stride * (sweep.points - 1) + 1 : sweep.stride]


@pytest.mark.slow
@given(low=st.floats(1e6, 1e10), ratio=st.floats(1.001, 1001), points=st.integers(1, 200))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_sweeps_hit_every_channel(low, ratio, points):
    channels = np.geomspace(low, low * ratio, points)
    sweeps = channel_sweeps(channels[::-1])
    assert np.concatenate([swept(sweep) for sweep in sweeps]) == pytest.approx(channels, rel=1e-9)
    assert len(sweeps) <= 8


@pytest.mark.parametrize("ratio", [10, 100, 1000, 999.9999999, 990, 1000.0001, 8])
def test_whole_decades_are_cut_in_two(ratio):
    channels = np.geomspace(1e8, ratio * 1e8, 25)
    assert np.concatenate([swept(sweep) for sweep in channel_sweeps(channels)]) == pytest.approx(channels)


def test_channels_off_a_grid_are_hit_too():
    channels = np.sort(np.random.default_rng(0).uniform(1e9, 20e9, 31))
    assert np.concatenate([swept(sweep) for sweep in channel_sweeps(channels)]) == pytest.approx(channels, rel=1e-9)


@pytest.fixture(scope="module")
def decks(small_design):
    found = []
    for layer in ("conv1", "dense1"):
        buses = small_design.hardware(layer, "coupled")
        found += [rf_deck(hardware) for hardware in buses] + dc_gain_decks(buses)
        found.append(sparam_deck(buses[0], 1, 5e-6, (1e9, 2e9, 11)))
        ones = np.ones(buses[0].bus.size[1])
        found.append(transient_deck(buses[0], ones, 1e9 * ones, ones, 1e-12, 1e-9))
    return found


def test_instances_fit_their_subcircuits(decks):
    for deck in decks:
        instances = re.findall(r"^(x\S+) (.+)$", deck.text, re.MULTILINE)
        assert len({name for name, _ in instances}) == len(instances)
        included = set(re.findall(r'^\.include "\.\./lib/(\S+)"$', deck.text, re.MULTILINE))
        for _, rest in instances:
            words = rest.split()
            parameters = {w.split("=")[0] for w in words if "=" in w}
            *nodes, device = [w for w in words if "=" not in w]
            assert len(nodes) == len(library()[device].pins)
            assert parameters <= set(library()[device].parameters)
            assert library()[device].file in included


def test_decks_are_the_same_every_time(small_model, decks):
    from resonet.netlist.design.design import compile_cnn

    hardware = compile_cnn(small_model).hardware("conv1", "coupled")[0]
    assert rf_deck(hardware).text == decks[0].text


def test_a_deck_is_plain_ascii_with_a_title_and_an_end(decks):
    for deck in decks:
        assert deck.text.isascii()
        lines = deck.text.splitlines()
        assert lines[0].startswith("* resonet ")
        assert lines[-1] == ".end"
        assert max(map(len, lines)) < 100_000


def test_every_pin_and_parameter_is_explained_in_its_library():
    for device in library().values():
        comments = [line for line in library_text()[device.file].splitlines() if line.startswith("*")]
        for name in (*device.pins, *device.parameters):
            assert any(re.search(rf"\b{name}\b", line) for line in comments), (device.name, name)
