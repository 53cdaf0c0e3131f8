"""Remedies: each makes the chains hold their weights, a little less of it does not, and the cheapest comes first."""

from dataclasses import replace

import numpy as np
import pytest
from networks import dense

from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import PlanOptions, plan
from resonet.netlist.programming.methods import largest_fill, solve_layer
from resonet.netlist.programming.remedy import bus_profile, remedies

RNG = np.random.default_rng
BAND = PlanOptions(f_min=5e9, f_max=10e9, tile=25)


def network(taps=25, chains=3, seed=0, largest=0.8):
    """Random weights; the last chain asks too much of the ends of the band, where tails come from one side only."""
    weight = RNG(seed).uniform(-largest, largest, (chains, taps))
    weight[-1, [0, -1]] = 1.0, -1.0
    return dense(weight)


def holds(cnn: Cnn, device: SpinDiode, options: PlanOptions, fill: float, rows) -> bool:
    """Directly, by a plan of its own and the solver."""
    planned = plan(cnn, device, options=options)
    solved = solve_layer(planned.layers[0], device, fill)
    return max(float(one.worst[rows].max()) for one in solved) < 2e-9


def changed(setting: str, value: float, fill: float) -> tuple[SpinDiode, PlanOptions, float]:
    section, name = setting.split(".")
    if name == "fill":
        return SpinDiode(), BAND, value
    if section == "device":
        return SpinDiode(damping=value), BAND, fill
    value = int(value) if name in ("tile", "assign") else value
    return SpinDiode(), replace(BAND, **{name: value}), fill


@pytest.fixture(scope="module")
def found():
    cnn = network()
    planned = plan(cnn, options=BAND)
    entry = planned.layers[0]
    return cnn, remedies(planned, entry, entry.buses[0], None, 0.85)


def test_every_kind_is_there_and_the_cheapest_comes_first(found):
    _, listed = found
    assert {r.kind for r in listed} >= {"scale", "tile", "band", "damping"}
    assert [r.cost for r in listed] == sorted(r.cost for r in listed)
    assert all(r.text and r.cost >= 0 for r in listed)


def test_every_remedy_makes_the_chains_hold(found):
    cnn, listed = found
    everyone = np.arange(3)
    assert not holds(cnn, SpinDiode(), BAND, 0.85, everyone)
    for remedy in listed:
        device, options, fill = changed(remedy.setting, remedy.value, 0.85)
        assert holds(cnn, device, options, fill, everyone), remedy


def test_less_of_a_remedy_does_not_help(found):
    """Bisection ends within 4 % of the change of a logarithmic scale, so a tenth less of the change must fail."""
    cnn, listed = found
    present = {"plan.fill": 0.85, "device.damping": 0.01, "plan.f_max": 10e9, "plan.f_min": 5e9}
    tried = 0
    for remedy in listed:
        if remedy.setting in present:
            now = present[remedy.setting]
            less = now * (remedy.value / now) ** 0.7
            assert not holds(cnn, *changed(remedy.setting, less, 0.85), np.arange(3)), remedy
            tried += 1
    assert tried == 4


def test_costs_are_those_of_the_text(found):
    _, listed = found
    by = {r.setting: r for r in listed}
    fill = by["plan.fill"]
    assert fill.cost == pytest.approx(np.log(0.85 / fill.value))
    assert f"{20 * np.log10(0.85 / fill.value):.2f} dB" in fill.text
    tiles = -(-25 // by["plan.tile"].value)
    assert by["plan.tile"].cost == pytest.approx(np.log(tiles))
    assert f"{tiles - 1} more buses (now 1)" in by["plan.tile"].text
    f_max = by["plan.f_max"]
    assert f_max.cost == pytest.approx(np.log(np.log(f_max.value / 5e9) / np.log(2)))


def test_scale_is_the_largest_fill():
    cnn = network(chains=1)
    planned = plan(cnn, options=BAND)
    entry = planned.layers[0]
    scale = next(r for r in remedies(planned, entry, entry.buses[0], None, 0.85) if r.kind == "scale")
    assert scale.value == pytest.approx(largest_fill(entry, planned.device, 0.85), abs=0.02)


def test_chains_that_hold_need_nothing():
    planned = plan(network(), options=BAND)
    entry = planned.layers[0]
    assert remedies(planned, entry, entry.buses[0], None, 0.2) == ()
    assert remedies(planned, entry, entry.buses[0], np.array([], int), 0.85) == ()
    solved = solve_layer(entry, planned.device, 0.6)[0]
    good = np.flatnonzero(solved.worst < 1e-10)[:1]
    assert len(good)
    assert remedies(planned, entry, entry.buses[0], good, 0.6) == ()


def test_what_does_not_help_is_not_listed():
    """Twelve channels within a few half-widths: no order of them and no spacing of the ends makes room."""
    planned = plan(network(taps=12), options=replace(BAND, f_min=9.9e9, tile=12))
    entry = planned.layers[0]
    kinds = {r.kind for r in remedies(planned, entry, entry.buses[0], np.array([2]), 0.9)}
    assert not kinds & {"ends", "assign"}


def test_profile_is_that_of_the_bus():
    planned = plan(network(), options=BAND)
    bus = planned.layers[0].buses[0]
    profile = bus_profile(planned, bus.frequencies, 3)
    current = bus_currents(bus.frequencies, 1e3, 25, 3, planned.circuit) * bus.levels[:, None]
    assert profile == pytest.approx(0.5 * 1e3 * np.abs(current) ** 2, rel=1e-12)
    assert np.diagonal(profile) == pytest.approx(1)


def test_the_circuit_s_currents_count_where_asked_for():
    planned = plan(network(), circuit=BusCircuit(node_capacitance=3e-16), options=BAND)
    entry = planned.layers[0]
    ideal, circuit = (
        next(r.value for r in remedies(planned, entry, entry.buses[0], None, 0.85, way) if r.kind == "damping")
        for way in (True, False)
    )
    assert circuit != ideal
