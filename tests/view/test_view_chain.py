"""Chains of `resonet view`: their numbers are the engine's, and a change does what the circuit says."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.calibration import calibrate
from resonet.cosim.referee.chain import lone_chain, two_pass_voltage
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.programming.methods import Program
from resonet.sparams.extract import extract
from resonet.sparams.window import design_block
from resonet.view.chain import chain_state, choose, programs_of, scattering
from resonet.view.change import Change, changeable, changed_state, parse_change
from resonet.view.plots import chain_plots, figures, levels_plots, rows
from resonet.view.waveform import waveform


@pytest.fixture(scope="module")
def design(small_model):
    """Chains of 9, and of 36 in three tiles, with all programs."""
    return calibrate(compile_cnn(small_model, read_parameters(settings=["plan.tile=12"]))).design


def weights_of(design, chosen):
    """The same by the engine for the whole layer."""
    bus = next(bus for bus in design.plan.layer(chosen.layer).buses if bus.name == chosen.bus)
    found = effective_weights(design, chosen.layer, chosen.program, engine=linear)
    return found.values[bus.group, bus.outputs[chosen.chain]][bus.taps]


def test_numbers_of_a_chain_are_those_of_the_engine(design):
    assert programs_of(design) == ["formula", "coupled", "calibrated"]
    for entry in design.plan.layers:
        for bus in entry.buses:
            for program in programs_of(design):
                chosen = choose(design, entry.layer.name, bus.name, bus.size[0] - 1, program)
                state = chain_state(design, chosen)
                wanted = weights_of(design, chosen)
                assert state.effective == pytest.approx(wanted, rel=1e-13, abs=1e-13 * np.abs(wanted).max())
                unit = state.unit[bus.group, bus.outputs[chosen.chain]]
                assert state.volts.sum(1) / unit == pytest.approx(wanted, abs=1e-10 * np.abs(wanted).max())


def test_the_loudest_of_all_chains_is_that_of_the_layer(design):
    entry, wanted = design.plan.layer("conv1"), effective_weights(design, "conv1", "coupled", engine=linear).worst
    found = [
        chain_state(design, choose(design, "conv1", bus.name, chain, "coupled")).crosstalk
        for bus in entry.buses
        for chain in range(bus.size[0])
    ]
    level, tone, resonator = max(found)
    assert (level, tone, resonator) == (pytest.approx(wanted.level, abs=1e-9), wanted.aggressor, wanted.victim)


def test_what_is_planned_anew_without_a_change_is_what_stands_there(design):
    for program in programs_of(design):
        for name in ("conv1", "dense1"):
            chosen = choose(design, name, None, 1, program)
            before = chain_state(design, chosen)
            same = changed_state(design, chosen, Change({"device.damping": design.plan.device.damping}, "anew"))
            assert same.f_res == pytest.approx(before.f_res, rel=1e-9)
            assert same.scale == pytest.approx(before.scale, rel=1e-12)
            assert same.bus.levels == pytest.approx(before.bus.levels, rel=1e-12)


def test_hardware_that_stands_follows_closed_forms(design):
    chosen = choose(design, "conv1", None, 2, "coupled")
    before = chain_state(design, chosen)

    def factor(**values):
        state = changed_state(design, chosen, Change({key.replace("__", "."): v for key, v in values.items()}))
        return state.effective / before.effective

    assert factor(bus__combiner_loss=3.0) == pytest.approx(10**-0.3)  # of the power that arrives
    assert factor(device__magnetoresistance=2.0) == pytest.approx(2)
    assert factor(device__threshold_current=20e-6) == pytest.approx(0.5)
    assert factor(plan__p_max=1e-9) == pytest.approx(1)  # weights are per watt
    series = 9e3 + before.plan.circuit.choke_resistance
    assert factor(bus__readout_resistance=series) == pytest.approx(0.5, rel=1e-4)


def test_a_shift_is_that_of_the_engine(design):
    chosen = choose(design, "conv1", None, 1, "calibrated")
    state = changed_state(design, chosen, Change(shift=(4, 7e6)))
    program = design.program("calibrated")
    layer = program.layer("conv1")
    f_res = [f.copy() for f in layer.f_res]
    f_res[0][1, 4] += 7e6
    moved = Program("calibrated", (replace(layer, f_res=tuple(f_res)), program.layer("dense1")))
    wanted = weights_of(replace(design, programs=design.programs | {"calibrated": moved}), chosen)
    assert state.effective == pytest.approx(wanted, rel=1e-13, abs=1e-14)
    assert np.abs(state.error).max() > 1e-3


@pytest.mark.parametrize("levels", ["equal", "power"])
def test_anew_is_what_compile_and_calibrate_make(small_model, levels):
    settings = ["plan.tile=12", f"plan.levels={levels}"]
    design = calibrate(compile_cnn(small_model, read_parameters(settings=settings))).design
    other = read_parameters(settings=[*settings, "plan.f_max=12 GHz", "device.damping=0.004"])
    made = calibrate(compile_cnn(small_model, other)).design
    for program in programs_of(design):
        chosen = choose(design, "conv1", None, 0, program)
        change = parse_change(design, ["plan.f_max=12 GHz", "device.damping=0.004"], "anew")
        state, wanted = changed_state(design, chosen, change), chain_state(made, chosen)
        assert state.scale == pytest.approx(wanted.scale, rel=1e-12)
        assert state.resonances == pytest.approx(wanted.resonances, rel=1e-9)
        assert state.effective == pytest.approx(wanted.effective, abs=1e-9 * state.full)


def test_s_parameters_are_those_of_sparams(design):
    state = chain_state(design, choose(design, "conv1", None, 3, "coupled"))
    for bias in (0.0, 4e-6):
        f, s = scattering(state, bias)
        wanted = extract(design_block(design, "conv1", "coupled", chain=3, bias=bias), f, "linear").s
        assert s == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(InputError, match="ten times the threshold current"):
        scattering(state, 1.0)


def test_too_much_power_is_warned_of(design):
    with collected() as found:
        changed_state(design, choose(design), Change({"plan.p_max": 1e-3}))
    assert "tone-power" in {one.code for one in found}


def test_what_is_shown_can_be_drawn(design):
    chosen = choose(design, "dense1", "t1", 2)
    states = [("as designed", chain_state(design, chosen))]
    states.append(("changed", changed_state(design, chosen, Change({"device.damping": 0.02}, "anew"))))
    plots = chain_plots(states, 5) + levels_plots(states, [scattering(state, 1e-6) for _, state in states], 1e-6)
    assert len({plot.name for plot in plots}) == len(plots) == 6
    drawn = next(plot for plot in plots if plot.name == "chain-weights").spec["data"]
    assert drawn[1]["y"] == pytest.approx(states[0][1].effective, rel=1e-3)
    assert drawn[2]["y"] == pytest.approx(states[1][1].effective, rel=1e-3, abs=1e-9)
    assert all(len(row) == 3 for row in figures(states))
    assert dict(rows(states[0][1], 5))["input of the neuron"] == "17"


@pytest.mark.parametrize(
    ("words", "how", "shift", "told"),
    [
        (["device.damping"], "built", None, "SECTION.NAME=VALUE"),
        (["device.damping=1", "device.damping=2"], "built", None, "each once"),
        (["device.damping=x"], "built", None, "device.damping = 'x'"),
        (["device.damping=5"], "built", None, "must be within"),
        (["plan.tile=8"], "anew", None, "no parameter that may be changed"),
        (["bus.filter_q=8"], "built", None, "no parameter that may be changed"),
        (["plan.f_max=9 GHz"], "built", None, "how = anew"),
        (["plan.f_max=1 MHz"], "anew", None, "must be below"),
        (["device.damping=0.01"], "twice", None, "possible: built, anew"),
        ([f"device.x{n}=1" for n in range(9)], "built", None, "possible: 8 at once"),
        ([], "built", "x:5 MHz", "RESONATOR:FREQUENCY"),
        ([], "built", "3:5 V", "RESONATOR:FREQUENCY"),
        ([], "built", "99:5 MHz", "no resonator 99"),
        ([], "built", "3:-1 THz", "possible: 0"),
        (["bus.node_capacitance=1 nF"], "anew", None, "no current"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_by_name(design, words, how, shift, told):
    with pytest.raises(InputError, match=told):
        changed_state(design, choose(design), parse_change(design, words, how, shift))


def test_filters_may_be_changed_where_there_are_some(small_model):
    circuit = read_parameters(settings=["bus.combining=multiplexer"]).bus
    assert "bus.filter_q" in changeable(circuit, {})
    assert "bus.transformer_resistance" not in changeable(circuit, {})
    assert "bus.transformer_resistance" in changeable(circuit, {"bus.transformer": 2.0})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"layer": "nothing"}, "possible: conv1, dense1"),
        ({"bus": "t9"}, "possible: t0"),
        ({"chain": 4}, "possible: 0 ... 3"),
        ({"program": "fitted"}, "possible: formula, coupled, calibrated"),
    ],
)
def test_a_chain_that_is_not_there_is_refused(design, given, told):
    with pytest.raises(InputError, match=told):
        choose(design, **given)


def test_strip_lines_have_no_chains(small_model):
    lines = compile_cnn(small_model, read_parameters(settings=["feed.kind=stripline"]))
    assert choose(lines).layer == "dense1"
    with pytest.raises(InputError, match="layer conv1 is on strip lines"):
        choose(lines, "conv1")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["built", "anew"])
def test_the_output_over_time_ends_where_the_two_passes_say(design, how):
    chosen = choose(design, "conv1", None, 0, "coupled")
    before = chain_state(design, chosen)
    after = changed_state(design, chosen, Change({"bus.combiner_loss": 3.0, "device.damping": 0.02}, how))
    found = waveform(before, after, how, 0.5, 4)
    assert abs(found.output - found.expected) < 3e-4 * found.full_scale
    assert abs(found.means[-1] - found.output) < 3e-3 * found.full_scale
    assert found.time[0] == 0
    assert found.volts[0] == 0
    if how == "anew":
        hardware = lone_chain(after.plan, after.bus, after.f_res, 0, 4)
        wanted = two_pass_voltage(hardware, np.full(4, 0.5 * after.plan.options.p_max))
        assert found.expected == pytest.approx(wanted, rel=1e-6)


def test_a_waveform_that_cannot_be_had_is_refused(design):
    state = chain_state(design, choose(design))
    with pytest.raises(InputError, match=r"possible: 1 \.\.\. 9"):
        waveform(state, state, "built", 1.0, 10)
    with pytest.raises(InputError, match="fixed_step"):
        waveform(state, state, "built", 1.0, 3, "spectre")
