"""Slow dynamics of a neuron's DC side: stack of tiles, bias tees, readout and transconductor as one linear system.

Tile t of a stack, from ground up, with the block capacitor's bus side at ground (a bus is 50 ohm at RF and less than a
thousandth of a chain's resistance):

    C_block u' = -i - j,            j = (u - w_below - v) / (K R0)      current through the chain, head to tail
    L i'       = u - w - R_L i                                          through the choke
    C_bypass w' = i + j_above - (w / R_in at the top)                   DC node

with v the sum of the chain's rectified voltages. Behind the top come the equal poles of the transconductor, each y' =
2πB (x - y) with x what is before it; it acts on the last. The
capacitance of the chains' nodes (10^-3 of the others) is left out.

Under strip lines a neuron is one chain with its choke, v then the voltage at its open head, and nothing loads it:

    L i' = v - w - (K R0 + R_L) i,      (C_bypass + K C_node / 2) w' = i

All voltages are linear in v, so a step with v
linear in time is exact by a matrix exponential.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.neuron.electronics import POLES
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.strip.parasitics import extract_parasitics

__all__ = ["DcStack", "DcStep", "dc_stack"]


@dataclass(frozen=True, slots=True, eq=False)
class DcStep:
    """Exact step of a linear system with input linear in time: s1 = transition s0 + before v0 + after v1."""

    transition: Array  # [states, states]
    before: Array  # [states, tiles]
    after: Array  # [states, tiles]

    def __call__(self, state: Array, v0: Array, v1: Array) -> Array:
        """State [..., states] after the step; v0 and v1 [..., tiles] in V at its ends."""
        return np.asarray(state @ self.transition.T + v0 @ self.before.T + v1 @ self.after.T)


@dataclass(frozen=True, slots=True, eq=False)
class DcStack:
    """A stack of tiles up to the transconductor; the last state is what the transconductor acts on."""

    matrix: Array  # [states, states] 1/s
    drive: Array  # [states, tiles] 1/s

    @classmethod
    def of_tiles(cls, sizes: list[int], resistance: float, circuit: BusCircuit, bandwidth: float) -> "DcStack":
        """Stack of chains of `sizes` resonators, from ground up; `bandwidth` of the transconductor in Hz."""
        tiles = len(sizes)
        states = 3 * tiles + POLES
        a, b = np.zeros((states, states)), np.zeros((states, tiles))
        for t, size in enumerate(sizes):
            u, i, w, below = 3 * t, 3 * t + 1, 3 * t + 2, 3 * t - 1
            r = size * resistance
            a[u, u], a[u, i], b[u, t] = -1 / r, -1.0, 1 / r
            a[i, u], a[i, w], a[i, i] = 1.0, -1.0, -circuit.choke_resistance
            a[w, i] = 1.0
            if t:
                a[u, below] = 1 / r
                a[below, u], a[below, below], b[below, t] = 1 / r, -1 / r, -1 / r
        top = 3 * tiles - 1
        a[top, top] -= 1 / circuit.readout_resistance
        for t in range(tiles):
            for row, value in enumerate(
                (circuit.block_capacitance, circuit.choke_inductance, circuit.bypass_capacitance)
            ):
                a[3 * t + row] /= value
                b[3 * t + row] /= value
        return cls(_with_poles(a, 3 * tiles, bandwidth), b)

    @classmethod
    def of_chain(cls, resistance: float, capacitance: float, circuit: BusCircuit, bandwidth: float) -> "DcStack":
        """One chain under strip lines, of that resistance; `capacitance` of all its nodes in F."""
        states, node = 2 + POLES, circuit.bypass_capacitance + capacitance / 2
        a, b = np.zeros((states, states)), np.zeros((states, 1))
        a[0, :2] = [-(resistance + circuit.choke_resistance), -1.0]
        a[0], b[0] = a[0] / circuit.choke_inductance, 1 / circuit.choke_inductance
        a[1, 0] = 1 / node
        return cls(_with_poles(a, 2, bandwidth), b)

    @property
    def time_constants(self) -> Array:
        """Time constants -1/Re λ of the system's modes, s, the slowest first."""
        return np.sort(-1 / np.linalg.eigvals(self.matrix).real)[::-1]

    @property
    def delay(self) -> float:
        """Mean delay of the step response at the output, s, all tiles stepping alike: the sum of its time constants."""
        inputs = self.drive.sum(1)
        once = np.linalg.solve(self.matrix, inputs)
        return float(-np.linalg.solve(self.matrix, once)[-1] / once[-1])

    def rest(self, v: Array) -> Array:
        """State [..., states] at rest for inputs [..., tiles]."""
        return np.asarray(v @ -np.linalg.solve(self.matrix, self.drive).T)

    def noise(self, densities: Array) -> float:
        """RMS of the output, V, for white noise in series with every tile: one-sided densities [tiles] in V²/Hz.

        The covariance P of the states solves A P + P Aᵀ + B Q Bᵀ = 0 with Q half of the densities. Capacitors bound it:
        a resistance alone gives kT/C, however large it is.
        """
        driven = (self.drive * (densities / 2)) @ self.drive.T
        return float(np.sqrt(solve_continuous_lyapunov(self.matrix, -driven)[-1, -1]))

    def step(self, h: float) -> DcStep:
        """Exact step of h seconds."""
        n, m = self.drive.shape
        # States, inputs and their slopes in one exponential (Van Loan, IEEE Trans. Autom. Control 23, 395, 1978).
        block = np.zeros((n + 2 * m, n + 2 * m))
        block[:n, :n], block[:n, n : n + m] = self.matrix * h, self.drive * h
        block[n : n + m, n + m :] = np.eye(m)
        exponential = expm(block)
        constant, ramp = exponential[:n, n : n + m], exponential[:n, n + m :]
        return DcStep(exponential[:n, :n], constant - ramp, ramp)


def _with_poles(matrix: Array, first: int, bandwidth: float) -> Array:
    """A system's matrix with the transconductor's poles in its states from `first` on, behind the state before it."""
    for pole in range(first, len(matrix)):
        matrix[pole, pole - 1], matrix[pole, pole] = 2 * np.pi * bandwidth, -2 * np.pi * bandwidth
    return matrix


def dc_stack(levels: Levels, number: int) -> DcStack:
    """DC side of a stage's neurons; all are alike, those under strip lines as the longest chain is."""
    plan, bandwidth = levels.plan, levels.stages[number].options.bandwidth
    if (line := levels.parallel.lines[number]) is not None:
        ground = extract_parasitics(line.placement, line.middle, line.parasitics)
        (size,) = levels.parallel.tile_sizes(number)
        resistance = size * (plan.device.resistance + ground.chain_resistance)
        return DcStack.of_chain(resistance, size * float(ground.chain_ground.mean()), plan.circuit, bandwidth)
    return DcStack.of_tiles(levels.parallel.tile_sizes(number), plan.device.resistance, plan.circuit, bandwidth)
