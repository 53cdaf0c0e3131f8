"""The compiled pass over the chains of a layer, against the closed form in fractions and against the phasors."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from resonet.core.errors import EngineError
from resonet.cosim.weights import bus_answers as module
from resonet.cosim.weights.engines import Engine, linear, readout_divider
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.planning.frequency_plan import PlanOptions, plan

PHASORS = Engine("phasors", linear.passes)


def layer_plan(outputs, taps, damping=0.01, **options):
    """Plan of a dense layer, and resonance frequencies within two half-widths of the channels."""
    rng = np.random.default_rng(outputs * taps)
    weight = rng.normal(size=(outputs, taps, 1, 1))
    dense = Synapses("dense", "", "dense", weight, np.zeros(outputs), (taps, 1, 1), (outputs, 1, 1), (1, 1))
    planned = plan(Cnn("", "", (taps, 1, 1), (dense,)), SpinDiode(damping=damping), options=PlanOptions(**options))
    entry = planned.layers[0]
    f_res = tuple(bus.frequencies * (1 + damping * rng.uniform(-2, 2, bus.size)) for bus in entry.buses)
    return planned, entry, f_res


@pytest.mark.parametrize(("outputs", "taps"), [(1, 1), (1, 2), (2, 7), (3, 8), (5, 9), (33, 50), (40, 97)])
def test_all_shapes_give_what_the_phasors_give(outputs, taps):
    planned, entry, f_res = layer_plan(outputs, taps)
    unit = np.random.default_rng(1).uniform(1, 2, (1, outputs)) * planned.device.sensitivity
    ours, theirs = (engine.layer_answers(planned, entry, f_res, unit) for engine in (linear, PHASORS))
    assert ours.values == pytest.approx(theirs.values, abs=1e-12 * np.abs(theirs.values).max())
    for one, other in zip(ours.most, theirs.most, strict=True):
        assert one == pytest.approx(other, rel=1e-11)
    if theirs.loudest is None:
        assert ours.loudest is None
        return
    assert ours.loudest.size == pytest.approx(theirs.loudest.size, rel=1e-12)
    assert [getattr(ours.loudest, n) for n in ("bus", "chain", "victim", "aggressor")] == [
        getattr(theirs.loudest, n) for n in ("bus", "chain", "victim", "aggressor")
    ]


@pytest.mark.parametrize("tones", [48, 49, 96, 101])
def test_more_tones_than_go_at_a_time(tones):
    planned, entry, f_res = layer_plan(6, 2 * tones, tile=tones)
    assert max(bus.size[1] for bus in entry.buses) > 47
    ours, theirs = (engine.layer_answers(planned, entry, f_res, np.ones((1, 6))) for engine in (linear, PHASORS))
    assert ours.values == pytest.approx(theirs.values, abs=1e-12 * np.abs(theirs.values).max())
    for one, other in zip(ours.most, theirs.most, strict=True):
        assert one == pytest.approx(other, rel=1e-11)
    assert ours.loudest.size == pytest.approx(theirs.loudest.size, rel=1e-12)
    assert (ours.loudest.bus, ours.loudest.victim) == (theirs.loudest.bus, theirs.loudest.victim)


def test_what_is_kept_of_a_plan_is_that_of_its_circuit():
    planned, entry, _ = layer_plan(5, 9)
    power = module.bus_powers(planned, entry)[0]
    assert module.bus_powers(planned, entry)[0] is power
    assert not power.flags.writeable
    other = replace(planned, circuit=replace(planned.circuit, node_capacitance=1e-15))
    expected = bus_currents(entry.buses[0].frequencies, planned.device.resistance, 9, 5, other.circuit)
    expected = np.abs(expected * entry.buses[0].levels[:, None]) ** 2
    np.testing.assert_allclose(module.bus_powers(other, entry)[0], expected, rtol=1e-13)
    np.testing.assert_allclose(module.bus_powers(planned, entry)[0], power, rtol=1e-15)


def test_frequencies_of_other_buses_are_refused():
    planned, entry, f_res = layer_plan(5, 9)
    with pytest.raises(
        EngineError, match=r"layer dense, bus t0: resonance frequencies \[4, 9\], the plan has \[5, 9\]"
    ):
        linear.layer_answers(planned, entry, [f_res[0][1:]], np.ones((1, 5)))


def test_values_in_fractions():
    planned, entry, f_res = layer_plan(4, 12, damping=1e-4)
    device, bus = planned.device, entry.buses[0]
    found = linear.layer_answers(planned, entry, f_res, np.full((1, 4), device.sensitivity)).values[0]
    power, width = module.bus_powers(planned, entry)[0], 2 * Fraction(device.damping)
    scale = 0.5 * device.transduction * readout_divider(planned, entry) / device.sensitivity
    for j in range(4):
        for t, f in enumerate(bus.frequencies):
            total = Fraction(0)
            for k, f_k in enumerate(f_res[0][j]):
                ratio = Fraction(f) / Fraction(f_k)
                a, b = 1 - ratio**2, width * ratio
                total += (-1) ** k * Fraction(power[t, k]) * a / (a**2 + b**2)
            assert found[j, t] == pytest.approx(
                scale * float(total), abs=1e-13
            )  # full scale is 1; of 1 - r² it was 1e-12


def test_number_of_threads_changes_nothing(monkeypatch):
    planned, entry, f_res = layer_plan(70, 130)
    unit, found = np.ones((1, 70)), []
    monkeypatch.setattr(module, "WORTH_THREADS", 1)
    for threads in (1, 2, 3, 50):
        monkeypatch.setattr(module, "core_threads", lambda threads=threads: threads)
        found.append(linear.layer_answers(planned, entry, f_res, unit))
    for other in found[1:]:
        assert (other.values == found[0].values).all()
        assert all((a == b).all() for a, b in zip(other.most, found[0].most, strict=True))
        assert other.loudest == found[0].loudest


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0])
def test_what_is_not_finite_names_its_bus(wrong):
    planned, entry, f_res = layer_plan(3, 97)
    f_res[1][2, 5] = wrong
    if wrong == 0:  # a resonator at 0 Hz answers with nothing
        assert np.isfinite(linear.layer_answers(planned, entry, f_res, np.ones((1, 3))).values).all()
        return
    with pytest.raises(EngineError, match=r"layer dense, bus t1: an answer is not finite"):
        linear.layer_answers(planned, entry, f_res, np.ones((1, 3)))


def test_currents_of_buses_of_several_shapes_at_once():
    f, circuit = np.geomspace(20e9, 1e9, 11), BusCircuit()
    shapes = [(1, 0), (7, 0), (32, 11), (32, 480)]
    chains, below = (np.repeat(v, 11) for v in zip(*shapes, strict=True))
    together = bus_currents(np.tile(f, 4), 1e3, 11, chains, circuit, below).reshape(4, 11, 11)
    for one, (count, under) in zip(together, shapes, strict=True):
        np.testing.assert_allclose(one, bus_currents(f, 1e3, 11, count, circuit, under), rtol=1e-14)
