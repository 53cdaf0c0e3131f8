"""Slow dynamics of the DC side: rest against the divider, steps against ngspice on the same circuit."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from resonet.cosim.ngspice.run import run_deck
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.dc_side import DcStack
from resonet.models.neuron.electronics import POLES
from resonet.netlist.spice.deck import Deck

CIRCUIT = BusCircuit(block_capacitance=0.1e-12, bypass_capacitance=0.15e-12, readout_resistance=1e6)
SIZES, R0, BANDWIDTH = [4, 3], 1e3, 30e6


def test_rest_is_the_divider_of_chokes_chain_and_readout() -> None:
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    v = np.array([3e-6, -1e-6])
    series = 7 * R0 + 2 * CIRCUIT.choke_resistance
    expected = v.sum() * CIRCUIT.readout_resistance / (CIRCUIT.readout_resistance + series)
    assert stack.rest(v)[-1] == pytest.approx(expected, rel=1e-12)


def test_steps_are_the_integral_for_inputs_linear_in_time() -> None:
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    h, v0, v1 = 2e-9, np.array([1.0, -2.0]), np.array([3.0, 0.5])
    step, state = stack.step(h), np.linspace(-1e-3, 1e-3, 9)

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        return stack.matrix @ x + stack.drive @ (v0 + (v1 - v0) * t / h)

    found = solve_ivp(slope, (0, h), state, rtol=1e-10, atol=1e-14, method="LSODA").y[:, -1]
    assert step(state, v0, v1) == pytest.approx(found, rel=1e-7, abs=1e-9)


def test_the_mean_delay_is_the_area_above_the_step_response() -> None:
    stack = DcStack.of_tiles([9], R0, CIRCUIT, BANDWIDTH, POLES)
    h = 0.05e-9
    step, state, area = stack.step(h), np.zeros(6), 0.0
    one = np.ones(1)
    end = stack.rest(one)[-1]
    for _ in range(8000):
        after = step(state, one, one)
        area += h * (1 - 0.5 * (state[-1] + after[-1]) / end)
        state = after
    assert stack.delay == pytest.approx(area, rel=1e-4)
    # three poles for the transconductor, resistance times capacitance for the chain (the choke's resistance is 1 ohm)
    rc = 9 * R0 * (CIRCUIT.block_capacitance + CIRCUIT.bypass_capacitance)
    assert stack.delay == pytest.approx(3 / (2 * np.pi * BANDWIDTH) + rc, rel=0.02)


def test_a_step_in_two_tiles_is_ngspices() -> None:
    lines = ["* stack of two tiles", '.include "../lib/bias_tee.lib"', '.include "../lib/readout.lib"']
    lines.append('.include "../lib/transconductor.lib"')
    tee = "bias_tee cblock=1e-13 lchoke=1e-05 rchoke=1 cbypass=1.5e-13"
    lines += ["v0 a0 0 pulse(0 3u 0 1f 1f 1)", "r0 a0 h0 4k", f"x0 0 d0 h0 {tee}"]
    lines += ["v1 a1 d0 pulse(0 -1u 0 1f 1f 1)", "r1 a1 h1 3k", f"x1 0 d1 h1 {tee}", "xr d1 readout rin=1meg"]
    lines += [f"xg d1 f transconductor gm=1 bias=0 bandwidth={BANDWIDTH:.12g}", "rl f 0 1"]
    lines += [".options reltol=1e-7 vntol=1e-14 abstol=1e-18"]
    lines += [".tran 50p 40n 0 50p", ".control", "set filetype=binary", "run", "write stack.raw v(f)", "quit", ".endc"]
    plot = run_deck(Deck("stack", "\n".join([*lines, ".end", ""])))[0]
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    h = 0.25e-9
    step, state, v = stack.step(h), np.zeros(9), np.array([3e-6, -1e-6])
    found = [0.0]
    for _ in range(160):
        state = step(state, v, v)
        found.append(state[-1])
    there = np.interp(np.arange(161) * h, plot.axis, plot.columns(["v(f)"])[:, 0].real)
    assert np.abs(np.array(found) - there).max() < 2e-4 * 2e-6


def test_noise_is_white_noise_through_the_transfer_function_and_never_more_than_kt_over_c() -> None:
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    densities = 4 * 1.380649e-23 * 300 * R0 * np.array(SIZES, float)
    f = np.concatenate([[0.0], np.geomspace(1e3, 1e11, 40001)])
    output = np.linalg.solve(2j * np.pi * f[:, None, None] * np.eye(9) - stack.matrix, stack.drive.astype(complex))[
        :, -1
    ]
    assert stack.noise(densities) == pytest.approx(np.sqrt(np.trapezoid(np.abs(output) ** 2 @ densities, f)), rel=1e-4)
    long = DcStack.of_tiles([48] * 16, R0, CIRCUIT, 1e12, POLES)
    bound = np.sqrt(1.380649e-23 * 300 / CIRCUIT.bypass_capacitance)
    found = long.noise(np.full(16, 4 * 1.380649e-23 * 300 * 48 * R0))
    assert 0.5 * bound < found < bound
