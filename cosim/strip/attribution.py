"""Crosstalk attribution: the weight error of a strip-line layer split by what causes it, in two ways.

With W(S) the weights [chains, lines] under the causes S, and lines a pure delay between matched ends as the base B:

    error = [W(∅) - trained] + [W(B) - W(∅)] + Σ alone + interaction

    spectral     W(∅) - trained: what the ideal circuit makes of the given program
    delay        W(B) - W(∅): lossless matched lines
    alone        W(B + c) - W(B), one part c at a time
    without      W(all) - W(all - c): what its removal would change, the others being there
    linear       dW/dm at m = 0, times the magnitude m of the part; from W at 1 and 2 thousandths of it
    interaction  what is left; so that the sum is exact

A part that acts only through another (capacitance of chains to ground, where nothing brings RF into the chains) is 0
alone, and shows in `without` and in the interaction. Linear response is blind to what begins with the square of a
magnitude, as the field of a neighbour does in |i|², and reactive paths in quadrature to the drive.

**Own and foreign.** W has a column a line. Those of the lines that a chain uses may be wrong, which calibration can
mend; those of lines that it does not use should be 0, and no program of resonators removes them. The RMS is over both,
per weight: √(Σ all squares / number of weights).

What is common to all weights, as attenuation is, one gain at the readout takes out: `uneven` is what it leaves.

**Coherent reuse.** Lines on one frequency interfere in a resonator. With tone powers P and phases that are anybody's,
V = Σ P_l Q_ll + Σ √(P_l P_m) Re(Q_lm e^jφ); Q beside the diagonal is no weight, and stays separate: Σ|Q_lm| at worst,
√Σ|Q_lm|² as RMS over random phases, for lines of equal power. The same with all lines on one frequency is what
selectivity keeps away: without it currents that sneak beat with the resonator's own, in proportion to their amplitude.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.blas import zherk

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Complex, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.engine import StripEngine
from resonet.cosim.strip.loudest import Pair, crosstalk, decibel, loudest, pairs
from resonet.cosim.strip.passes import StripPass, rectified, split_causes, squared, strip_answers, strip_pass
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.strip.placement import Placement

__all__ = ["BASE", "PARTS", "Attribution", "Pair", "Part", "attribute", "coherent_terms", "wanted_weights"]

Causes = tuple[str, ...]
BASE: Causes = ("line_delay",)
PARTS: dict[str, Causes] = {
    "neighbouring lines": ("line_field", "line_mutual", "line_line"),
    "sneak paths through chains": (
        "line_chain",
        "chain_chain",
        "chain_leakage",
        "chain_ground",
        "substrate",
        "bias_tee",
    ),
    "reflections": ("mismatch",),
    "loss": ("line_loss", "chain_loss", "tuning_loss"),
    "shared ground": ("shared_ground",),
}
ROWS = 256  # of a form of all lines at a time
LEFT = 1e-4  # of the squares of single lines: beside it their rounding is 1e-12
STEP = 1e-3  # of a part's magnitude, for its derivative


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one part does to the weights, [chains, lines] in units of the largest trained weight."""

    name: str
    causes: Causes
    alone: Array
    without: Array
    linear: Array


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Weight error of a window, split; arrays [chains, lines] in units of the largest trained weight."""

    chains: Ints
    lines: Ints
    uses: Bools  # the chain uses the line
    wanted: Array  # trained weights
    spectral: Array
    delay: Array
    parts: tuple[Part, ...]
    total: Array
    unselective: Array  # foreign weights if all tones had one frequency
    interference: Array  # [chains] RMS over random phases if all tones had one frequency
    coherent_worst: Array  # [chains, tones] same unit
    coherent_rms: Array  # [chains, tones]
    pairs: tuple[Pair, ...]  # the loudest first
    levels: Array  # [victim tone, aggressor tone] dB, the loudest of the window; diagonal: other lines of that tone
    scale: float  # V/W of the largest trained weight

    @property
    def interaction(self) -> Array:
        """What the parts make together beyond what each makes alone."""
        return np.asarray(self.total - self.spectral - self.delay - sum(part.alone for part in self.parts))

    @property
    def one_frequency(self) -> float:
        """RMS interference per weight if all tones had one frequency."""
        return float(np.sqrt((self.interference**2).sum() / self.uses.sum()))

    def uneven(self, error: Array) -> Array:
        """What is left of an error after the best gain at the readout, one for all chains of the window."""
        weights = self.wanted + error
        square = float((weights[self.uses] ** 2).sum()) or 1.0
        return np.asarray(weights * float((weights * self.wanted)[self.uses].sum()) / square - self.wanted)

    def rms(self, error: Array, foreign: bool | None = None) -> float:
        """Root of the summed squares per weight; only of the own (False) or of the foreign (True) lines."""
        kept = np.ones_like(self.uses) if foreign is None else self.uses != foreign
        return float(np.sqrt((error[kept] ** 2).sum() / self.uses.sum()))


def wanted_weights(passes: StripPass, weights: Array) -> tuple[Array, Bools]:
    """Weights that a window should have, from those of the tuning lines [weights]; and which lines a chain uses."""
    circuit, usage = passes.circuit, passes.circuit.placement.usage
    chain, line = usage.chain[circuit.resonators], np.searchsorted(passes.lines, circuit.line)
    inside = np.isin(chain, passes.chains)
    at = np.searchsorted(passes.chains, chain[inside]), line[inside]
    target = np.zeros((len(passes.chains), len(passes.lines)))
    uses = np.zeros(target.shape, bool)
    target[at], uses[at] = weights[usage.weight[circuit.resonators[inside]]], True
    return target, uses


def _interference(i: Complex, x: Complex, gain: Array, transduction: float) -> Array:
    """|Q_lm| of lines of one frequency in a chain, V/W, 0 on the diagonal; i, x [lines, resonators]."""
    near = np.abs(gain) > 1e-9 * np.abs(gain).max()
    form = (i[:, near] * gain[near]) @ x[:, near].conj().T
    form = 0.25 * transduction * (form + form.conj().T)
    return np.asarray(np.abs(form - np.diag(np.diag(form))))


def coherent_terms(passes: StripPass, f_res: Array, device: SpinDiode) -> tuple[Array, Array]:
    """Interference of lines of one frequency, V/W, [chains, tones]: worst case, and RMS over random phases."""
    circuit = passes.circuit
    worst, rms = np.zeros((2, len(passes.chains), len(passes.frequencies)))
    for tone in np.unique(passes.tones):
        same_tone = passes.tones == tone
        chi = susceptibility(passes.frequencies[tone], f_res[circuit.resonators], device.damping)
        i = passes.current[same_tone]
        for j, gain in enumerate(passes.gains):
            size = _interference(i, i * chi, gain, device.transduction)
            worst[j, tone], rms[j, tone] = size.sum(), np.sqrt((size**2).sum())
    return worst, rms


def _beating(i: Complex, gain: Array, real: Array) -> float:
    """√Σ|Q_lm|², l ≠ m, of the Hermitian form Q = i D iᴴ, D = diag(gain real).

    i [lines, resonators], gain and real [resonators]. With fewer resonators than lines all |Q_lm|² are summed as
    Σ D_k D_n |(iᴴ i)_kn|², as long as what is left without those of l = m keeps its digits.
    """
    near = np.abs(gain) > 1e-9 * np.abs(gain).max()
    i, own = i[:, near], (gain * real)[near]
    if len(own) < len(i):
        gram = squared(zherk(1.0, i.T))  # its upper half
        alone = float(((squared(i) @ own) ** 2).sum())
        square = 2 * float(own @ gram @ own) - float(np.diag(gram) @ own**2) - alone
        if square > LEFT * alone:
            return float(np.sqrt(square))
    return _beating_by_line(i, own)


def _beating_by_line(i: Complex, own: Array) -> float:
    """The same from half of Q, a few rows at a time; own [resonators] is D."""
    square, driven, other = 0.0, i * own, i.conj().T
    for first in range(0, len(i), ROWS):
        form = driven[first : first + ROWS] @ other[:, first:]
        form[:, : len(form)] = np.triu(form[:, : len(form)], 1)
        square += 2 * float(np.vdot(form, form).real)
    return float(np.sqrt(square))


def _one_frequency(passes: StripPass, f_res: Array, device: SpinDiode) -> tuple[Array, Array]:
    """Voltages [lines, resonators] and interference [chains] if each resonator met every tone at its own frequency.

    Both V/W; the latter is the RMS over random phases, √Σ|Q_lm|².
    """
    chi = susceptibility(passes.frequencies[passes.circuit.tone], f_res[passes.circuit.resonators], device.damping)
    real = 0.5 * device.transduction * chi.real
    met = [_beating(passes.current, gain, real) for gain in passes.gains]
    return squared(passes.current) * real, np.array(met)


def _check_parts(parts: Mapping[str, Causes]) -> None:
    """Every cause exists and is in one part only."""
    every = [cause for causes in parts.values() for cause in causes]
    split_causes(every)
    twice = sorted({cause for cause in every if every.count(cause) > 1 or cause in BASE})
    if twice:
        raise InputError(f"cause {twice[0]}: in two parts, or part of the base; possible: in one")


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The circuit that is asked again and again, with some causes at some part of their magnitude."""

    placement: Placement
    frequencies: Array
    f_res: Array
    window: ArrayLike | None
    neighbours: int
    device: SpinDiode
    engine: StripEngine
    top: float  # V/W of the largest weight
    done: Done

    def run(self, causes: Causes) -> tuple[StripPass, Array]:
        """The passes, and the rectified voltages [lines, resonators]."""
        passes = strip_pass(
            self.placement,
            self.frequencies,
            causes,
            self.window,
            self.neighbours,
            self.device,
            engine=self.engine,
            f_res=self.f_res,
        )
        self.done()
        return passes, rectified(passes, self.f_res, self.device)

    def weights(self, passes: StripPass, volts: Array) -> Array:
        """Weights [chains, lines] in units of the largest."""
        return np.asarray(passes.gains @ volts.T / self.top)

    def answer(self, causes: Causes, part: float = 1.0) -> Array:
        """Weights under these causes."""
        return self.answer_at(causes, (np.empty(0, np.int64),) * 2, part)[0]

    def answer_at(self, causes: Causes, at: tuple[Ints, Ints], part: float = 1.0) -> tuple[Array, Array]:
        """The same, and the rectified voltages of some pairs of a line and a resonator, [pairs]."""
        weights, volts = strip_answers(
            self.placement,
            self.frequencies,
            self.f_res,
            causes,
            self.window,
            self.neighbours,
            self.device,
            part,
            self.engine,
            at,
        )
        self.done()
        return weights / self.top, volts


def _split(
    window: _Window, parts: Mapping[str, Causes], total: Array, base: Array, at: tuple[Ints, Ints]
) -> tuple[tuple[Part, ...], dict[str, Array]]:
    """Every part alone, by its removal and by its derivative; and what its removal leaves of the pairs `at`."""
    everything = (*BASE, *(cause for causes in parts.values() for cause in causes))
    split, removed = [], {}
    for name, causes in parts.items():
        less, removed[name] = window.answer_at(tuple(cause for cause in everything if cause not in causes), at)
        included = (*BASE, *causes)
        # of second order, from one side
        slope = (4 * window.answer(included, STEP) - window.answer(included, 2 * STEP) - 3 * base) / (2 * STEP)
        alone, without = window.answer(included) - base, total - less
        split.append(Part(name, causes, alone, without, slope))
    return tuple(split), removed


def attribute(
    placement: Placement,
    frequencies: Array,
    f_res: Array,
    weights: Array,
    window: ArrayLike | None = None,
    neighbours: int = 0,
    parts: Mapping[str, Causes] | None = None,
    device: SpinDiode | None = None,
    engine: StripEngine = "linear",
    most_pairs: int = 20,
    done: Done = nothing,
) -> Attribution:
    """Split the weight error of the chains `window`, with `neighbours` chains to either side as aggressors.

    frequencies [tones] and f_res [resonators of the placement] in Hz; `weights` [tuning lines] V/W are those that the
    program should give. `done` is called after each of 4 n + 3 passes. Raises InputError, EngineError.
    """
    device, parts = device or SpinDiode(), PARTS if parts is None else parts
    _check_parts(parts)
    top = float(np.abs(weights).max()) or 1.0
    circuit = _Window(placement, frequencies, f_res, window, neighbours, device, engine, top, done)
    full, volts = circuit.run((*BASE, *(cause for causes in parts.values() for cause in causes)))
    at, total = loudest(full, volts, most_pairs), circuit.weights(full, volts)
    target, uses = wanted_weights(full, weights / top)
    ideal, base = circuit.answer(()), circuit.answer(BASE)
    split, removed = _split(circuit, parts, total, base, at)
    flat, beating = _one_frequency(full, f_res, device)
    worst, rms = coherent_terms(full, f_res, device)
    return Attribution(
        chains=full.chains,
        lines=full.lines,
        uses=uses,
        wanted=target,
        spectral=ideal - target,
        delay=base - ideal,
        parts=split,
        total=total - target,
        unselective=np.where(uses, 0.0, circuit.weights(full, flat)),
        interference=beating / top,
        coherent_worst=worst / top,
        coherent_rms=rms / top,
        pairs=pairs(full, at, volts, flat, removed, device),
        levels=decibel(crosstalk(full, volts, device)),
        scale=top,
    )
