"""Compiled trapezoids: against closed forms, against ngspice point by point, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

import resonet.cosim.fixed_step.engine as module
from resonet.core.errors import EngineError, InputError
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.transient import cascade_timing
from resonet.cosim.cascade.two_pass import pixel_tones
from resonet.cosim.fixed_step.circuit import read_circuit
from resonet.cosim.fixed_step.engine import fixed_step
from resonet.cosim.fixed_step.equations import form_equations
from resonet.cosim.fixed_step.expressions import program, value_of
from resonet.cosim.fixed_step.grid import Grid
from resonet.cosim.fixed_step.transients import read_transient
from resonet.cosim.fixed_step.whole import System, energy_gap, evaluate, operating_point, solve_point
from resonet.cosim.referee.chain import transient
from resonet.netlist.cascade.deck import cascade_deck
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.images import ImageSet
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE
from resonet.netlist.spice.prewarp import played

STEP = 1e-11  # s


def deck(*lines: str, save: str = "v(b)", steps: int = 4000, step: float = STEP, name: str = "small") -> Deck:
    text = [
        f"* {name}",
        *lines,
        f".save {save}",
        NGSPICE.format_fixed_step(),
        f".tran {step!r} {steps * step!r} 0 {step!r}",
    ]
    return Deck(name, "\n".join([*text, *NGSPICE.write_runs(name)]))


def rlc(wave: str, **arguments) -> Deck:
    """Series R-L-C, 10 Ohm, 100 nH, 1 pF: 503 MHz, Q = 32; b is across the capacitor."""
    return deck(f"v1 in 0 {wave}", "r1 in a 10", "l1 a b 1e-7", "c1 b 0 1e-12", **arguments)


def ringing(time):
    """Closed form of the voltage across the capacitor after a step of 1 V."""
    decay, omega0 = 10 / 2e-7, 1 / np.sqrt(1e-7 * 1e-12)
    omega = np.sqrt(omega0**2 - decay**2)
    return 1 - np.exp(-decay * time) * (np.cos(omega * time) + decay / omega * np.sin(omega * time))


def test_a_ringing_circuit_follows_the_closed_form_to_second_order():
    off = []
    for step in (STEP, STEP / 2):
        found = fixed_step(rlc("pwl(0 0 1e-20 1 1 1)", steps=round(4e-8 / step), step=step), 1e-8)
        off.append(np.abs(found.data[:, 0] - ringing(found.time)).max())
    assert off[0] < 5e-3
    assert off[0] / off[1] == pytest.approx(4, rel=0.05)


def test_a_played_tone_is_answered_as_the_true_circuit_answers_it():
    f = 450e6
    found = fixed_step(rlc(f"sin(0 1 {float(played(f, 1e-10))!r})", steps=20_000, step=1e-10), 1e-6)
    late, s = (found.time > 1.5e-6) & (found.time < found.time[-1]), 2j * np.pi * f
    response = 1 / (1 + s * 10e-12 + s * s * 1e-19)
    phase = 2 * np.pi * played(f, 1e-10) * found.time[late]
    # ngspice's start moves the time of the grid, not what the steps answer.
    assert found.data[late, 0] == pytest.approx((response * np.exp(1j * phase)).imag, abs=1e-9 * abs(response))


@pytest.mark.parametrize(
    "lines",
    [
        "i1 0 b sin(1e-6 1e-3 3e9 0 0 40); r1 b 0 1k; c1 b 0 1e-13; x1 b 0 dio",
        "v1 in 0 dc 0.3; vs in a 0; l1 a b 1e-8; l2 c 0 3e-8; k1 l1 l2 0.6; r2 c 0 50; r1 b 0 70; f1 0 c vs 2",
        "v1 a 0 sin(0 2 1e9); r0 a 0 1k; b1 b 0 v = v(a) > 0.5 ? tanh(3 * v(a)) : -abs(v(a))^3 / (2 - v(a))",
        "v1 a 0 sin(0 1 1e9); r0 a 0 1k; r1 b 0 1k; c1 b 0 1e-13; "
        "b1 0 b i = 1e-3 * min(max(v(a), -0.4), sqrt(v(a,b)^2 + exp(-v(b)))) + 1e-4 * cos(6e9 * time)",
        "v1 a 0 sin(0.1 1 2e9); h1 c 0 v1 50; e1 d 0 c a 0.4; r1 d b 10; g1 b 0 a 0 1e-3; c1 b c 1e-12",
    ],
)
def test_every_element_and_law_is_ngspices(lines):
    models = (".subckt dio p n", "d1 p n dm", ".model dm d(is=1e-12 n=1.5)", ".ends dio")
    made = deck(*models, *lines.split("; "), steps=400)
    found, wanted = (read_transient(made, STEP, 400, 1e-9, engine) for engine in ("fixed_step", "ngspice"))
    assert found.time == pytest.approx(wanted.time, abs=1e-6 * STEP)
    largest = np.abs(wanted.data).max()
    assert largest > 1e-4
    assert np.abs(found.data - wanted.data).max() < 5e-6 * largest  # ngspice's Newton ends at 1e-6 of a step
    assert found.means == pytest.approx(wanted.means, abs=1e-6 * largest)


@pytest.mark.slow
@pytest.mark.parametrize("prewarp", ["tones", "tank", "none"])
def test_a_chain_is_ngspices(small_design, prewarp):
    powers = small_design.plan.options.p_max * RNG(1).uniform(0, 1, 9)
    fast, slow = (
        transient(small_design, "conv1", "coupled", powers, 1, 16, prewarp, engine=engine)[0]
        for engine in ("fixed_step", "ngspice")
    )
    assert (fast.engine, slow.engine) == ("fixed_step", "ngspice")
    assert fast.points == slow.points
    assert fast.two_pass == slow.two_pass
    assert fast.transient == pytest.approx(slow.transient, abs=1e-6 * fast.full_scale)


def network(folder, activation=None, pool="none", stop=4e-9):
    """Deck of a small network with ngspice's Newton as tight as it goes."""
    images = RNG(2).uniform(0, 1, (6, 1, 3, 4))
    path = tiny_model(folder, pool, activation)
    design = compile_cnn(path, read_parameters(None, SETTINGS), ImageSet(path, images, np.zeros(0)))
    levels = parallel_hardware(design).levels
    timing = cascade_timing(levels, stop)
    made = cascade_deck(levels, pixel_tones(levels.parallel, images[:1])[0], timing, "network")
    loose = "reltol=1e-4 vntol=1e-8 abstol=1e-12"
    assert loose in made.text
    return Deck("network", made.text.replace(loose, "reltol=1e-6 vntol=1e-11 abstol=1e-14")), timing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "pool"), [("relu", "none"), ("relu", "max"), ("three_terminal", "none"), ("two_terminal", "none")]
)
def test_a_whole_network_is_ngspices(tmp_path, kind, pool):
    law = None if kind == "relu" else OscillatorActivation(kind, drive=1.3, scale=0.8, qnl=1.5, clamp=3.0)
    made, timing = network(tmp_path, law, pool)
    steps = round(timing.stop / timing.step)
    found, wanted = (read_transient(made, timing.step, steps, 1e-9, engine) for engine in ("fixed_step", "ngspice"))
    values, means = found.columns(list(wanted.variables))
    largest = np.abs(wanted.data).max()
    assert means == pytest.approx(wanted.means, abs=1e-6 * largest)
    if len(wanted.time) == len(found.time):  # with its tolerances so tight ngspice may start in other steps
        assert np.abs(values - wanted.data).max() < 2e-6 * largest


def test_time_points_are_those_of_ngspice():
    grid = Grid(STEP, 200 * STEP)
    time = grid.times(0, grid.points)
    assert np.diff(time)[:10] / STEP == pytest.approx([0.01, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1])
    assert time[-1] == grid.stop
    assert grid.points == 208
    assert np.diff(time)[-1] / STEP == pytest.approx(0.72)
    both = np.concatenate([grid.times(0, 60), grid.times(60, grid.points)])
    assert np.array_equal(both, time)
    with pytest.raises(InputError, match="100 steps and more"):
        Grid(STEP, 99 * STEP)


def test_long_runs_keep_fewer_points_and_the_same_means(monkeypatch):
    made = rlc("sin(0 1 4e8)", steps=3000)
    whole = fixed_step(made, 1e-8)
    monkeypatch.setattr(module, "MOST_VALUES", 500)
    few = fixed_step(made, 1e-8)
    assert len(whole.time) == whole.points == few.points
    assert len(few.time) <= 501
    assert few.time[[0, -1]] == pytest.approx(whole.time[[0, -1]])
    assert np.array_equal(few.means, whole.means)


@pytest.mark.parametrize("part", ["controls", "stored", "shown"])
def test_a_wrong_elimination_is_found_by_the_whole_system(monkeypatch, part):
    real = module.reduce

    def wrong(*arguments):
        reduced = real(*arguments)
        rows = [{column: value * (1 + 1e-4) for column, value in row.items()} for row in getattr(reduced, part)]
        return replace(reduced, **{part: rows})

    monkeypatch.setattr(module, "reduce", wrong)
    with pytest.raises(EngineError, match=r"is off by .* nothing of the result is believed"):
        fixed_step(deck("i1 0 b sin(0 1e-3 3e9)", "b1 b 0 i = tanh(v(b)) * 1e-3", "c1 b 0 1e-13"), 1e-8)


def test_energy_that_is_made_is_seen():
    equations = form_equations(read_circuit(rlc("dc 1")))
    a, points, sources = 2 / STEP, [], np.array([1.0])
    point = operating_point(equations, sources, "test")
    charge = equations.capacity @ (equations.stored @ point.y)
    for push in (0.0, 0.05, 0.05):  # a push from outside, which the equations do not have
        stored = a * charge * (1 + push)
        point = solve_point(System(equations, a), np.concatenate([stored, sources]), point.c, 0.0, "test")
        charge = equations.capacity @ (equations.stored @ point.y)
        points.append(point)
    assert energy_gap(equations, STEP, points[:1] * 2, [sources] * 2) < 1e-9
    assert energy_gap(equations, STEP, points[1:], [sources] * 2) > 1e-3


@pytest.mark.parametrize("text", ["tanh(2 * v(a)) / (1 + i(vs)^2)", "exp(-v(a)) * sin(i(vs)) - ln(v(a) + 3)"])
def test_derivatives_of_laws(text):
    made = deck("v1 in 0 dc 1", "vs in a 0", "r1 a 0 1k", f"b1 b 0 v = {text}", "r2 b 0 1k")
    laws, rng = form_equations(read_circuit(made)).laws, RNG(0)
    for c in rng.uniform(-1, 1, (5, 2)):
        _, slope = evaluate(laws, c, 0.0)
        for n in (0, 1):
            move = 1e-6 * np.eye(2)[n]
            high, low = (evaluate(laws, c + sign * move, 0.0)[0][0] for sign in (1, -1))
            assert slope[n] == pytest.approx((high - low) / 2e-6, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1k", 1e3),
        ("2.5meg", 2.5e6),
        ("1e-3", 1e-3),
        ("{2 * a + 1}", 7.0),
        ("{-a^2}", -9.0),
        ("{a > 2 ? sqrt(4) : 1}", 2.0),
        ("{10 ^ (a / 3) - 1}", 9.0),
    ],
)
def test_numbers_and_expressions(text, value):
    assert value_of(text, {"a": 3.0}) == pytest.approx(value)


@pytest.mark.parametrize("text", ["{1 +}", "{b}", "{1 / 0}", "{foo(1)}", "{(1}", "{sqrt(0 - 1)}", "one", "{v(a)}"])
def test_expressions_that_are_none(text):
    with pytest.raises(InputError):
        value_of(text, {"a": 3.0})


def test_a_program_has_its_controls_in_order():
    assert program("{k} * i(vsense) * v(x)", {"k": 2.0}).controls == (("i", "vsense"), ("v", "x", "0"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("t1 a 0 b 0 z0=50 td=1e-9",), "t1 a 0 b 0 z0=50 td=1e-9.* possible: ngspice"),
        (("r1 b 0 -5",), "r1 of -5; possible: above 0"),
        (("x1 b 0 nothing",), "no subcircuit 'nothing'"),
        (("b1 b 0 v = spice(v(b))",), "function 'spice'"),
        (("f1 b 0 vnone 2", "r1 b 0 1"), "the current of vnone"),
        (("b1 b 0 v = v(elsewhere)",), "no node elsewhere"),
        (("v1 b 0 pulse(0 1 0 1n 1n 5n 10n)",), "pulse.* possible: ngspice"),
        (("r1 b 0 1k tc1=3",), "tc1=3"),
        (('.include "/etc/passwd"',), "possible: files of the library"),
    ],
)
def test_what_the_engine_does_not_know_is_refused(lines, message):
    with pytest.raises(InputError, match=message):
        fixed_step(deck(*lines), 1e-9)


def test_circuits_without_an_answer():
    with pytest.raises(EngineError, match="a node without a way to ground"):
        fixed_step(deck("i1 0 b dc 1", "c1 b 0 1e-12"), 1e-9)
    with pytest.raises(EngineError, match="every vector is zero"):
        read_transient(rlc("dc 0"), STEP, 4000, 1e-9, "fixed_step")
    assert not read_transient(rlc("dc 0"), STEP, 4000, 1e-9, "fixed_step", silent=True).data.any()
    with pytest.raises(InputError, match="possible: ngspice, fixed_step"):
        read_transient(rlc("dc 1"), STEP, 4000, 1e-9, "spectre")  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="no v"):
        read_transient(rlc("dc 1"), STEP, 4000, 1e-9, "fixed_step").columns(["v(c)"])
