"""Every result of an engine carries a check: strip lines, transients, crossbars; lying engines, wrong solutions."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from fakes import EVERY
from networks import SETTINGS, tiny_model

from resonet.core.errors import EngineError
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.ngspice.kept_step import run_kept_step
from resonet.cosim.referee.chain import chain_bus, chain_voltage, transient, two_pass_voltage
from resonet.cosim.strip import tree_solver
from resonet.cosim.strip.direct import linear_phasors
from resonet.cosim.strip.engine import strip_response
from resonet.cosim.strip.laws import CLOSED, Circuit, Left, check_laws, open_part
from resonet.cosim.strip.transient import strip_transient
from resonet.cosim.weights.engines import linear, ngspice
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.models.circuit.crossbar_laws import BALANCE, check_network, check_outputs, probe
from resonet.models.circuit.crossbar_laws import open_part as crossbar_open
from resonet.models.circuit.crossbar_network import norton, sense, solve_network
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.spice.deck import Deck
from resonet.netlist.strip.circuit import strip_circuit
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.usage import wired_usage

DEVICE = SpinDiode()
TONES = np.geomspace(5e9, 3e9, 3)
LIES = {  # what is done to the result; the last two leave powers as they are
    "doubled": EVERY.format(value="2 * x"),
    "zeros": EVERY.format(value="0.0"),
    "noise of 1e-4": EVERY.format(value="x * (1 + 1e-4 * (-1) ** (n // 2))"),
    "turned by 1e-3": (
        "c, s = 0.9999995, 1e-3\nfor _, rows, p in plots:\n    for row in rows:\n"
        "        for n in range(p, len(row) - 1, 2):\n"
        "            row[n], row[n + 1] = c * row[n] - s * row[n + 1], s * row[n] + c * row[n + 1]"
    ),
    "signs": EVERY.format(value="-x"),
}


@pytest.fixture(scope="module")
def strip():
    """A planar layer of three taps over four inputs: placement, resonances, circuit, its lines and tones."""
    placement = place(wired_usage([[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, -1]]), "planar")
    f_res = TONES[placement.usage.tone] * (1 + 0.004 * RNG(1).normal(size=len(placement.usage.tone)))
    circuit = strip_circuit(placement, extract_parasitics(placement, 4e9))
    lines, first = np.unique(circuit.line, return_index=True)
    return placement, f_res, circuit, lines, circuit.tone[first]


@pytest.mark.parametrize("lie", LIES)
def test_strip_lines_of_an_engine_are_held_against_the_linear_one(strip, lying, lie):
    placement, f_res, circuit, _, _ = strip
    found = strip_response(placement, circuit.parasitics, f_res, TONES, engine="ngspice")
    known = strip_response(placement, circuit.parasitics, f_res, TONES)
    assert np.abs(found.current - known.current).max() < 1e-9 * np.abs(known.current).max()  # phases included
    lying(LIES[lie])
    with pytest.raises(EngineError, match=r"ngspice says .*, the linear engine .* apart, allowed 1e-06|is zero"):
        strip_response(placement, circuit.parasitics, f_res, TONES, engine="ngspice")


@pytest.mark.parametrize("lie", LIES)
def test_phases_of_a_bus_are_held_against_the_linear_engine(small_design, lying, lie):
    entry = small_design.plan.layer("conv1")
    f_res = small_design.program("coupled").layer("conv1").f_res
    (found,), (known,) = (engine(small_design.plan, entry, f_res).rf for engine in (ngspice, linear))
    assert np.abs(found.current * entry.buses[0].signs - known.current).max() < 1e-12 * np.abs(known.current).max()
    lying(LIES[lie])
    with pytest.raises(EngineError, match=r"ngspice says .*, the linear engine .* apart, allowed 1e-06|is zero"):
        ngspice(small_design.plan, entry, f_res)


def test_where_rounding_takes_phases_the_weights_are_still_checked(small_model):
    """A DC block of 1 uF against 36 kOhm: phases are off by some 1e-6 in any nodal solution, powers less."""
    design = compile_cnn(small_model, read_parameters(None, ["bus.block_capacitance=0.5 uF"]))
    entry, f_res = design.plan.layer("conv1"), design.program("coupled").layer("conv1").f_res
    passes = ngspice(design.plan, entry, f_res)
    assert passes.gains[0].shape == (4, 9)


@pytest.mark.parametrize("lie", ["doubled", "zeros", "noise of 1e-4", "signs"])
def test_transients_carry_a_circuit_whose_answer_is_known(small_design, lying, lie, tmp_path, strip):
    design = compile_cnn(tiny_model(tmp_path), read_parameters(None, SETTINGS))
    levels = parallel_hardware(design).levels
    lying(LIES[lie])
    said = r"a source of \S+ V is \S+ V at .* nothing of the result is believed|every vector .* is zero"
    with pytest.raises(EngineError, match=said):
        run_cascade(levels, np.full((1, 3, 4), 0.5), cascade_timing(levels, 2e-9), 1e-9)
    with pytest.raises(EngineError, match=said):
        transient(small_design, "conv1", "coupled", np.full(1, 1e-9))
    usage = wired_usage([[0, 1, 2]])
    placement = place(replace(usage, tone=usage.line), "planar")
    circuit = strip_circuit(placement, extract_parasitics(placement, 3e9, ()), also=())
    built = TONES[placement.usage.tone]
    with pytest.raises(EngineError, match=said):
        strip_transient(circuit, built, 4e9, np.zeros(3), TONES, np.full(3, 1e-9), DEVICE, 20)


@pytest.mark.parametrize("lie", ["doubled", "zeros", "noise of 1e-4", "turned by 1e-3", "signs"])
def test_the_two_passes_of_a_referee_are_checked(small_design, lying, lie):
    hardware, powers = chain_bus(small_design, "conv1", "coupled"), np.full(9, 1e-9)
    assert two_pass_voltage(hardware, powers) != 0
    lying(LIES[lie])
    with pytest.raises(EngineError, match=r"ngspice says .* apart, allowed 1e-06|is zero"):
        two_pass_voltage(hardware, powers)


def test_a_lone_chain_in_groups_has_a_choke_for_each(small_model):
    """ngspice's DC pass against the closed form, where chokes take a part of the voltage that shows."""
    settings = ["bus.groups=3", "bus.choke_resistance=100kOhm", "bus.readout_resistance=1MOhm"]
    design = compile_cnn(small_model, read_parameters(None, settings))
    hardware, powers = chain_bus(design, "conv1", "coupled"), np.full(9, 1e-9)
    assert two_pass_voltage(hardware, powers) == pytest.approx(chain_voltage(hardware, powers), rel=1e-9)


def test_another_rule_of_integration_is_no_trapezoid():
    lines = ["* t", "v1 a 0 sin(0 1 1e9)", "r1 a b 1k", "c1 b 0 1p", ".save v(b)", ".tran 1e-11 5e-9 0 1e-11"]
    control = [".control", "set filetype=binary", "run", "write t.raw", "quit", ".endc", ".end", ""]

    def deck(method: str) -> Deck:
        return Deck("t", "\n".join([lines[0], f".options method={method} trtol=1e5", *lines[1:], *control]))

    assert run_kept_step(deck("trap"), 1e-11, 500).columns(["v(b)"]).any()
    with pytest.raises(EngineError, match=r"a circuit whose answer is known is off by up to .* no trapezoids"):
        run_kept_step(deck("gear"), 1e-11, 500)


def ring() -> tuple[Circuit, np.ndarray, np.ndarray, np.ndarray]:
    """Two nodes, three conductances, a branch with an inductor; its solution by a dense matrix."""
    none = np.empty(0, np.int64)
    y, z = np.array([0.01, 0.02 + 0.01j, 0.005]), np.array([3 + 4j])
    made = Circuit(2, np.array([1, 2, 1]), np.array([0, 0, 2]), y, np.array([1]), np.array([2]), z, (none, none, y[:0]))
    matrix = np.array([[y[0] + y[2], -y[2], 1], [-y[2], y[1] + y[2], -1], [1, -1, -z[0]]])
    solved = np.linalg.solve(matrix, np.array([[1], [0], [0]], complex))
    return made, np.array([[0], [1], [0]], complex), np.concatenate([[[0]], solved[:2]]), solved[2:]


def test_laws_see_what_is_wrong_with_a_solution():
    made, injected, volts, currents = ring()
    assert open_part(made, injected, volts, currents).within(Left(1e-15, 1e-15))
    for wrong in (
        (injected, 2 * volts, currents),
        (injected, volts, 1.0001 * currents),
        (injected, volts * np.exp(1e-6j), currents * np.exp(1e-6j)),
        (injected, volts + 1e-5, currents),
        (injected, np.full_like(volts, np.nan), currents),
    ):
        assert not open_part(made, *wrong).within(CLOSED)
        with pytest.raises(EngineError, match=r"^layer x: the linear engine's solution leaves .* open, allowed 1e-08"):
            check_laws("layer x", open_part(made, *wrong))


def test_a_wrong_factor_is_no_solution(strip, monkeypatch):
    _, _, circuit, lines, tones = strip
    known = linear_phasors(circuit, lines, tones, TONES, DEVICE)
    swept = tree_solver.swept_currents(circuit, lines, tones, TONES, DEVICE)
    assert np.abs(swept - known).max() < 1e-9 * np.abs(known).max()
    real = tree_solver.factors_of
    monkeypatch.setattr(tree_solver, "factors_of", lambda *a: real(*a) * (1 + 1e-6))
    again = tree_solver.swept_currents(circuit, lines, tones, TONES, DEVICE)  # solved directly instead
    assert np.abs(again - known).max() < 1e-9 * np.abs(known).max()
    from resonet.cosim.strip import direct

    class Off:
        def __init__(self, matrix):
            self.true = tree_solver.splu(matrix)

        def solve(self, right):
            return self.true.solve(right) * (1 + 1e-6)

    monkeypatch.setattr(tree_solver, "_less_fill", Off)
    with pytest.raises(EngineError, match="the linear engine's solution leaves"):
        tree_solver.swept_currents(circuit, lines, tones, TONES, DEVICE)
    with pytest.raises(EngineError, match="the linear engine's solution leaves"):
        direct.tone_currents(circuit, lines[tones == 0], TONES[0], DEVICE.resistance, Off)


ARRAYS = {
    "wires": CrossbarArray(),
    "ideal": CrossbarArray(word_resistance=0.0, bit_resistance=0.0),
    "both": CrossbarArray(driver_resistance=10.0, sense_resistance=20.0, drive="both"),
    "strong": CrossbarArray(word_resistance=300.0, bit_resistance=700.0, sense_resistance=5.0),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("open_lines", [False, True])
def test_crossbars_close_their_laws_and_what_breaks_them_is_seen(name, open_lines):
    array, g, rng = ARRAYS[name], RNG(1).uniform(0.5e-3, 1e-3, (12, 9)), RNG(2)
    volts, driven, sensed = rng.uniform(0.1, 0.2, (12, 2)), np.ones(12, bool), np.ones(9, bool)
    if open_lines:
        driven[[2, 5]] = sensed[[0, 7]] = False
    found = solve_network(g, volts, array, driven, sensed)
    assert crossbar_open(found, volts, array, driven, sensed) < 1e-11
    for part in ("device", "word", "word_voltage") if name != "ideal" else ("device", "word_voltage"):
        wrong = replace(found, **{part: getattr(found, part) * (1 + 1e-6)})
        with pytest.raises(EngineError, match=r"crossbar of 12 x 9 cells: its solution leaves .* open, allowed 1e-09"):
            check_network(wrong, volts, array, driven, sensed)


def test_an_array_that_is_reduced_is_held_against_its_solution():
    array, g = CrossbarArray(), RNG(3).uniform(0.5e-3, 1e-3, (20, 16))
    known = solve_network(g, probe(20), array).output[:, 0]
    found = probe(20) @ sense(norton(g, array), array)
    check_outputs(found, known)
    assert np.abs(found - known).max() < 1e-3 * BALANCE * known.max()
    with pytest.raises(EngineError, match="reduced row by row and solved as a whole, its outputs are"):
        check_outputs(found * (1 + 1e-8), known)
