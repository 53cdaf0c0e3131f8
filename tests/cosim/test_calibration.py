"""Calibration: every engine, circuits that move while they are programmed, and what cannot be held."""

from dataclasses import replace

import numpy as np
import pytest
from networks import dense

from resonet.core.errors import InputError
from resonet.cosim.calibration.newton import CalibrationOptions, Status, calibrate, calibrate_layer
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import ENGINES, Engine, Passes, find_engine, layer_response, linear, ngspice
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import PlanOptions, plan
from resonet.netlist.programming.methods import program

RNG = np.random.default_rng


def start_of(design, layer: str, method="formula"):
    return design.plan.layer(layer), design.program(method).layer(layer)


@pytest.fixture(scope="module")
def tiled(small_model):
    """The small network with several buses a layer, more node capacitance, and a readout that loads the chains."""
    settings = ["plan.tile=10", "plan.fanout=3", "bus.node_capacitance=0.1 fF", "bus.readout_resistance=1 MOhm"]
    return compile_cnn(small_model, read_parameters(settings=settings))


@pytest.mark.parametrize("layer", ["conv1", "dense1"])
def test_the_linear_engine_is_what_ngspice_says(tiled, layer):
    entry, programmed = start_of(tiled, layer, "coupled")
    ours = layer_response(tiled.plan, entry, programmed.f_res, linear)
    theirs = layer_response(tiled.plan, entry, programmed.f_res, ngspice)
    for one, two in zip(ours, theirs, strict=True):
        assert np.abs(one.values - two.values).max() < 1e-8
        assert np.abs(one.profile - two.profile).max() < 1e-8


def test_the_formula_engine_is_the_closed_form(small_design):
    for layer in ("conv1", "dense1"):
        found = effective_weights(small_design, layer, "coupled", engine=find_engine("formula"))
        assert np.abs(found.error).max() < 1e-9


def test_an_unknown_engine():
    with pytest.raises(InputError, match="no engine 'xyce'; possible: auto, formula, linear, ngspice"):
        find_engine("xyce")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", ["formula", "coupled"])
def test_every_engine_ends_with_its_circuit_holding_the_weights(tiled, engine, start):
    for layer in ("conv1", "dense1"):
        found = calibrate_layer(tiled.plan, *start_of(tiled, layer, start), find_engine(engine))
        assert found.status is Status.CONVERGED
        assert found.rms_after <= found.worst_after <= 1e-6
        assert (found.failures, found.remedies) == ((), ())
        if start == "formula":
            assert found.rms_before > 0.005


def test_ngspice_confirms_what_the_linear_engine_calibrated(tiled):
    found = calibrate(tiled, linear)
    assert [one.layer for one in found.layers] == ["conv1", "dense1"]
    for one in found.layers:
        before = effective_weights(tiled, one.layer, "coupled")
        after = effective_weights(found.design, one.layer, "calibrated")
        assert before.rms_error > 1e-3
        assert np.abs(after.error).max() < 2e-6


def loaded_bus(strength: float):
    """An engine whose RF currents depend on the program: the chain's own motional impedance loads its source.

    With a DC bias I a resonator has the impedance R0 + I k chi(f); `strength` is I k / (K R0), exaggerated.
    """

    def passes(plan, entry, f_res):
        plain = linear(plan, entry, f_res)
        rf = []
        for bus, one, f in zip(entry.buses, plain.rf, f_res, strict=True):
            chi = susceptibility(bus.frequencies[:, None, None], f[None], plan.device.damping)
            load = 1 / (1 + strength * (chi * bus.signs).sum(2, keepdims=True))
            rf.append(replace(one, current=one.current * load, precession=one.precession * load))
        return Passes(tuple(rf), plain.gains)

    return Engine("loaded", passes)


@pytest.mark.parametrize("strength", [3e-4, 1e-3])
def test_a_circuit_that_moves_with_its_program_takes_more_passes(tiled, strength):
    entry, programmed = start_of(tiled, "dense1", "coupled")
    engine = loaded_bus(strength)
    off = layer_response(
        tiled.plan, entry, calibrate_layer(tiled.plan, entry, programmed, linear).program.f_res, engine
    )
    plain = layer_response(tiled.plan, entry, programmed.f_res, linear)
    assert max(np.abs(a.values - b.values).max() for a, b in zip(off, plain, strict=True)) > 0.01
    found = calibrate_layer(tiled.plan, entry, programmed, engine, CalibrationOptions(passes=30))
    assert found.status is Status.CONVERGED
    assert found.passes > 1
    again = layer_response(tiled.plan, entry, found.program.f_res, engine)
    unit = found.program.weight_scale / tiled.plan.device.sensitivity
    for bus, response in zip(entry.buses, again, strict=True):
        wanted = entry.layer.matrix[bus.group][np.ix_(bus.outputs, bus.taps)] * unit
        assert np.abs(response.values - wanted).max() <= 1e-6


def test_too_few_passes_are_said(tiled):
    entry, programmed = start_of(tiled, "dense1", "coupled")
    found = calibrate_layer(tiled.plan, entry, programmed, loaded_bus(1e-3), CalibrationOptions(passes=1))
    assert found.status is Status.NOT_SETTLED
    assert "--passes" in found.status.value
    assert found.rms_after < found.rms_before
    assert 0 < found.failing <= found.chains


def shifted(amount: float):
    """An engine that answers with something that the model knows nothing of: a circuit with a fault."""

    def passes(plan, entry, f_res):
        moved = [f * (1 + amount * RNG(int(f.sum()) % 1000).normal(size=f.shape)) for f in f_res]
        return linear(plan, entry, moved)

    return Engine("shifted", passes)


@pytest.mark.parametrize("amount", [0.003, 0.03])
def test_never_worse_even_where_every_measurement_jumps(tiled, amount):
    for layer in ("conv1", "dense1"):
        found = calibrate_layer(tiled.plan, *start_of(tiled, layer, "coupled"), shifted(amount))
        assert found.rms_after <= found.rms_before
        assert found.status is not Status.CONVERGED


@pytest.fixture(scope="module")
def crowded():
    """Channels 1.4 linewidths apart and weights of full range."""
    return plan(dense(RNG(5).uniform(-1, 1, (12, 25))), options=PlanOptions(f_min=5e9, f_max=10e9))


def test_a_scale_that_does_not_fit_is_lowered_until_it_does(crowded):
    entry, start = crowded.layers[0], program(crowded, "formula").layers[0]
    found = calibrate_layer(crowded, entry, start, linear)
    assert found.status is Status.CONVERGED
    assert 0.1 < found.fill < crowded.options.fill
    assert found.program.weight_scale == pytest.approx(
        found.fill / np.abs(entry.layer.matrix).max() * crowded.device.sensitivity
    )


@pytest.mark.slow
def test_weights_beyond_the_range_are_reported_chain_by_chain(crowded):
    entry, start = crowded.layers[0], program(crowded, "formula").layers[0]
    found = calibrate_layer(crowded, entry, start, linear, CalibrationOptions(fill=0.8))
    assert found.status is Status.OUT_OF_RANGE
    assert "--fill" in found.status.value
    assert found.rms_after < found.rms_before
    assert found.failing == len(found.failures) > 0
    assert found.failures[0].residual == found.worst_after
    costs = [remedy.cost for remedy in found.remedies]
    assert costs == sorted(costs)
    assert {"scale", "band", "damping"} <= {remedy.kind for remedy in found.remedies}
    both = calibrate_layer(crowded, entry, start, linear, CalibrationOptions(fill=0.8, branches="both", passes=2))
    assert both.failing <= found.failing
    assert both.rms_after <= found.rms_after


def test_zero_weights_and_single_resonators():
    for weight in (np.zeros((2, 5)), np.array([[0.3], [-1.0]])):
        planned = plan(dense(weight))
        found = calibrate_layer(planned, planned.layers[0], program(planned, "formula").layers[0], linear)
        assert found.status is Status.CONVERGED


def test_layers_that_are_left_out_keep_their_program(tiled):
    first = calibrate(tiled, linear, ["conv1"])
    assert [one.layer for one in first.layers] == ["conv1"]
    kept, coupled = (d.program(m).layer("dense1") for d, m in ((first.design, "calibrated"), (tiled, "coupled")))
    assert kept is coupled
    second = calibrate(first.design, linear, ["dense1"])
    assert second.design.program("calibrated").layer("conv1") is first.design.program("calibrated").layer("conv1")
    assert second.design.program("calibrated").layer("dense1") is not coupled


def test_what_is_not_there_is_named(tiled):
    with pytest.raises(InputError, match=r"layer 'conv9'.* possible: conv1, dense1"):
        calibrate(tiled, linear, ["conv9"])
    with pytest.raises(InputError, match="no calibrated program yet; possible: formula, coupled"):
        calibrate(tiled, linear, start="calibrated")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"passes": 0}, "passes"),
        ({"fill": 1.5}, "fill"),
        ({"branches": "up"}, "near"),
    ],
)
def test_impossible_options(options, what):
    with pytest.raises(InputError, match=what):
        CalibrationOptions(**options)
