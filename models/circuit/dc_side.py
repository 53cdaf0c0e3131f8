"""Slow dynamics of a neuron's DC side: stack of tiles, bias tees, readout and transconductor as one linear system.

Tile t of a stack, from ground up, with the block capacitor's bus side at ground (a bus is 50 ohm at RF and less than a
thousandth of a chain's resistance):

    C_block u' = -i - j,            j = (u - w_below - v) / (K R0)      current through the chain, head to tail
    L i'       = u - w - R_L i                                          through the choke
    C_bypass w' = i + j_above - (w / R_in at the top)                   DC node

with v the sum of the chain's rectified voltages. Behind the top come the equal poles of the transconductor, each y' =
2πB (x - y) with x what is before it; it acts on the last. The capacitance of the chains' nodes (10^-3 of the others) is
left out. Under strip lines a neuron is one chain with its choke, v then the voltage at its open head, and nothing
loads it or feeds it:

    L i' = v - w - (K R0 + R_L) i,      (C_bypass + K C_node / 2) w' = i

All voltages are linear in v, so a step with v linear in time is exact by a matrix exponential.

Noise enters in series with the chains, where v does; in series with a choke, e_L / L in the second equation; as a
current into the top's readout, i_R / C_bypass in the third; at the input of the first pole, 2πB e; and from the source
impedance behind the block capacitor, e_S: with u - e_S in the place of u as the state, it is -v in the first and third
equation and e_S / L in the second. All are white. With Q half of a one-sided density (V²/Hz), the covariance P of the
states solves A P + P Aᵀ + B Q Bᵀ = 0, and the output at a time lag τ has c exp(A τ) P cᵀ. An average over a time T, as
of a gated integrator, has therefore the variance

    (2/T²) ∫ (T - τ) c exp(Aτ) P cᵀ dτ = (2/T²) c [A^-2 (exp(AT) - 1) - A^-1 T] P cᵀ,

for long T that of white noise of the bandwidth 1 / (2T); without averaging it is c P cᵀ, for poles alone 3π/16 B.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit

__all__ = ["DcStack", "DcStep", "NoiseInputs"]

OVER = 60.0  # slowest time constants after which exp(AT) is nothing


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
class NoiseInputs:
    """Where noise enters besides the chains, [states, inputs] each: what one volt, or one ampere, drives."""

    choke: Array  # V in series with the choke of each tile
    feed: Array  # V of the source impedance of each tile's bus
    readout: Array  # A into the readout, one input
    transconductor: Array  # V at its input, before its poles, one input


@dataclass(frozen=True, slots=True, eq=False)
class DcStack:
    """A stack of tiles up to the transconductor; the last state is what the transconductor acts on."""

    matrix: Array  # [states, states] 1/s
    drive: Array  # [states, tiles] 1/s, of the chains
    inputs: NoiseInputs

    @classmethod
    def of_tiles(
        cls, sizes: list[int], resistance: float, circuit: BusCircuit, bandwidth: float, poles: int
    ) -> "DcStack":
        """Stack of chains of `sizes` resonators, from ground up; `bandwidth` of the transconductor's poles in Hz."""
        tiles = len(sizes)
        states = 3 * tiles + poles
        a, b = np.zeros((states, states)), np.zeros((states, tiles))
        choke, feed = np.zeros((states, tiles)), np.zeros((states, tiles))
        for t, size in enumerate(sizes):
            u, i, w, below = 3 * t, 3 * t + 1, 3 * t + 2, 3 * t - 1
            r = size * resistance
            a[u, u], a[u, i], b[u, t] = -1 / r, -1.0, 1 / r
            a[i, u], a[i, w], a[i, i] = 1.0, -1.0, -circuit.choke_resistance
            a[w, i] = 1.0
            choke[i, t] = feed[i, t] = 1.0
            if t:
                a[u, below] = 1 / r
                a[below, u], a[below, below], b[below, t] = 1 / r, -1 / r, -1 / r
        feed -= b
        top = 3 * tiles - 1
        a[top, top] -= 1 / circuit.readout_resistance
        readout = np.zeros((states, 1))
        readout[top] = 1.0
        for t in range(tiles):
            for row, value in enumerate(
                (circuit.block_capacitance, circuit.choke_inductance, circuit.bypass_capacitance)
            ):
                for part in (a, b, choke, feed, readout):
                    part[3 * t + row] /= value
        for pole in range(3 * tiles, states):
            a[pole, pole - 1], a[pole, pole] = 2 * np.pi * bandwidth, -2 * np.pi * bandwidth
        first = np.zeros((states, 1))
        first[3 * tiles] = 2 * np.pi * bandwidth
        return cls(a, b, NoiseInputs(choke, feed, readout, first))

    @classmethod
    def of_chain(
        cls, resistance: float, capacitance: float, circuit: BusCircuit, bandwidth: float, poles: int
    ) -> "DcStack":
        """One chain under strip lines, of that resistance in ohm; `capacitance` of all its nodes in F."""
        states, node, corner = 2 + poles, circuit.bypass_capacitance + capacitance / 2, 2 * np.pi * bandwidth
        a = np.zeros((states, states))
        chain, first, none = np.zeros((states, 1)), np.zeros((states, 1)), np.zeros((states, 1))
        chain[0] = 1 / circuit.choke_inductance
        a[0, :2] = -(resistance + circuit.choke_resistance) * chain[0, 0], -chain[0, 0]
        a[1, 0] = 1 / node
        for pole in range(2, states):
            a[pole, pole - 1], a[pole, pole] = corner, -corner
        first[2] = corner
        return cls(a, chain, NoiseInputs(chain, none, none, first))

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

    def bandwidths(self, inputs: Array | None = None, average: float = 0.0) -> Array:
        """Variance of the output per one-sided density of each white input, Hz for volts [inputs].

        `inputs` [states, inputs] (default: the chains of the tiles); `average`: over so many seconds. Capacitors bound
        it: a resistance alone gives kT/C, however large it is.
        """
        inputs, a = self.drive if inputs is None else inputs, self.matrix
        slowest = float(self.time_constants[0]) if average else 0.0
        adjoint = _adjoint(np.ascontiguousarray(a).tobytes(), len(a), average, slowest)
        return np.asarray(0.5 * np.einsum("si,st,ti->i", inputs, adjoint, inputs))

    def noise(self, densities: Array, average: float = 0.0) -> float:
        """RMS of the output, V, for white noise in series with every tile: one-sided densities [tiles] in V²/Hz."""
        return float(np.sqrt(self.bandwidths(average=average) @ densities))

    def step(self, h: float) -> DcStep:
        """Exact step of h seconds."""
        from scipy.linalg import expm

        n, m = self.drive.shape
        # States, inputs and their slopes in one exponential (Van Loan, IEEE Trans. Autom. Control 23, 395, 1978).
        block = np.zeros((n + 2 * m, n + 2 * m))
        block[:n, :n], block[:n, n : n + m] = self.matrix * h, self.drive * h
        block[n : n + m, n + m :] = np.eye(m)
        exponential = expm(block)
        constant, ramp = exponential[:n, n : n + m], exponential[:n, n + m :]
        return DcStep(exponential[:n, :n], constant - ramp, ramp)


@lru_cache(maxsize=16)
def _adjoint(matrix: bytes, states: int, average: float, slowest: float) -> Array:
    """Solution X [states, states] of AᵀX + XA = -M: what each pair of inputs adds to the variance of the output.

    `matrix`: A as bytes, since noise of several kinds asks for the same; `slowest`: its slowest time constant, s.
    """
    from scipy.linalg import expm, solve_continuous_lyapunov

    a = np.frombuffer(matrix).reshape(states, states)
    seen = np.zeros(len(a))  # from the covariance of the states to the variance: c, or the integral above
    seen[-1] = 1.0
    if average:
        flat = average > OVER * slowest
        decayed = np.zeros_like(a) if flat else expm(a * average)
        once = np.linalg.solve(a.T, seen)
        twice = np.linalg.solve(a.T, once)
        seen = 2 / average**2 * (decayed.T @ twice - twice - once * average)
    # tr(M P) of the covariances of all inputs from one equation, its adjoint; M takes the last column of P.
    weight = np.zeros_like(a)
    weight[-1] += 0.5 * seen
    weight[:, -1] += 0.5 * seen
    return np.asarray(solve_continuous_lyapunov(a.T, -weight))
