"""Layers under strip lines whose resonators saturate: every resonator is under the tones of all lines that reach it.

A line l of the tone t puts ½ R0 |i_lk|² P_l into resonator k, with the current i_lk (per √W, its own line's or what
fields and parasitics bring of others) that the circuit of the linear engine gives. Lines of one frequency are in phases
that nobody knows: as in the weights, their powers add,

    P_kt = Σ_(l of t) ½ R0 |i_lk|² P_l,        x_kt = Σ ½ R0 |i_lk|² P_l x_l / P_kt   of line widths x,              (1)

and the balance of models/resonator/tone_balance.py, eq. 5, gives the voltage of the resonator under all P_kt. It is
solved in full: each resonator has tones of its own, so nothing is shared as in a chain on a bus.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Ints
from resonet.cosim.saturation.tables import Balance, on_all_cores
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.strip.passes import StripPass, squared
from resonet.cosim.weights.held import HeldWeights
from resonet.models.resonator.fold_over import warn_fold_over
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.precession_noise import noise_per_precession, tones_density
from resonet.models.resonator.tone_balance import Saturation, Tones, balanced, neighbours, warn_mixing

__all__ = ["FlatLines", "LineTable", "LineWindow", "SaturatingLines", "line_table"]

EACH = 8  # rows whose powers a thread holds at a time


@dataclass(frozen=True, slots=True, eq=False)
class LineWindow:
    """Chains that are solved together."""

    chains: Ints  # [chains]
    lines: Ints  # [lines] in the order of their tones
    ends: Ints  # [tones + 1] where the lines of each tone begin
    watts: Array  # [lines, resonators] W in R0 of each resonator per W of a line's tone
    gains: Array  # [chains, resonators] V at the readout per V rectified
    f_res: Array  # [resonators] Hz, with what of the tuning currents arrives

    def powers(self, carried: Array) -> Array:
        """Σ over the lines of each tone, [rows, resonators, tones], of what all lines carry [rows, lines]."""
        found = np.zeros((len(carried), self.watts.shape[1], len(self.ends) - 1))
        own = carried[:, self.lines]
        for tone, (start, stop) in enumerate(zip(self.ends[:-1], self.ends[1:], strict=True)):
            if start < stop:
                found[..., tone] = own[:, start:stop] @ self.watts[start:stop]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class LineTable:
    """The windows of a layer and the law of their resonators."""

    layer: str
    windows: tuple[LineWindow, ...]
    tones: Array  # [tones] Hz
    device: SpinDiode
    law: Saturation
    p_max: float  # W
    chains: int

    def heard(self, carried: Array, widths: Array | None, noisy: bool = True) -> tuple[Array, Array]:
        """Voltages at the readouts, V, and precession noise for p_T = 1, V²/Hz one-sided; [rows, chains] each.

        carried and widths (half of the line widths in half-widths) [rows, lines]. Noise, which takes time, only if
        `noisy`. Raises EngineError.
        """
        answers, noise = np.zeros((2, len(carried), self.chains))
        for window in self.windows:
            answers[:, window.chains], noise[:, window.chains] = self._window(window, carried, widths, noisy)
        return answers, noise

    def _window(self, window: LineWindow, carried: Array, widths: Array | None, noisy: bool) -> tuple[Array, Array]:
        answers, noise = np.zeros((2, len(carried), len(window.chains)))
        at = Tones.at(self.device, self.law, window.f_res, self.tones, 2 / self.device.resistance)
        each, hiss, near = at.paired(), noise_per_precession(self.device, window.f_res)[:, None], neighbours(self.tones)
        lost, mixing = np.zeros(len(carried), np.int64), np.zeros(len(carried))

        def part(start: int) -> None:
            rows = slice(start, start + EACH)
            powers, wide = window.powers(carried[rows]), None
            if widths is not None:
                wide = window.powers(carried[rows] * widths[rows])
                np.divide(wide, powers, out=wide, where=powers > 0)
            for n, own in enumerate(powers, start):
                x = np.zeros_like(own) if wide is None else wide[n - start]
                balance = balanced(at, self.law, near, own * self.p_max, x, paired=True)
                lost[n], mixing[n] = balance.failed.sum(), balance.mixing.max(initial=0.0)
                answers[n] = window.gains @ balance.voltages[:, 0]
                if noisy:
                    density = tones_density(each, self.law, hiss, own * self.p_max, balance.p)[:, 0]
                    noise[n] = window.gains**2 @ density

        on_all_cores(part, range(0, len(carried), EACH))
        warn_mixing(float(mixing.max(initial=0.0)))
        if lost.any() or not np.isfinite(answers).all():
            raise EngineError(
                f"layer {self.layer}, strip lines: {lost.sum():,} balances of saturating resonators did not converge "
                f"at {self.p_max:g} W; possible: less plan.p_max, saturation.frequency_shift nearer to 0"
            )
        return answers, noise


def line_table(
    layer: str, passes: Iterable[StripPass], f_res: Array, device: SpinDiode, law: Saturation, p_max: float, chains: int
) -> LineTable:
    """Table of a layer of that many chains; f_res [resonators of the placement], Hz, as the tuning currents are meant.

    Of each pass only the powers are kept. Warns (fold-over) where the strongest drive folds a resonance over.
    """
    windows, tones, most = list[LineWindow](), np.zeros(0), 0.0
    for one in passes:
        tones, order = one.frequencies, np.argsort(one.tones, kind="stable")
        resonators, built = one.circuit.resonators, one.frequencies[one.circuit.tone]
        watts = 0.5 * device.resistance * squared(one.current[order])
        tuned = built + (f_res[resonators] - built) * one.share
        ends = np.searchsorted(one.tones[order], np.arange(len(tones) + 1))
        windows.append(LineWindow(one.chains, one.lines[order], ends, watts, one.gains, tuned))
        most = max(most, float(watts.max(initial=0.0)))
    warn_fold_over(device, law, p_max * most)
    return LineTable(layer, tuple(windows), tones, device, law, p_max, chains)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SaturatingLines(StripWeights):
    """Chains of saturating resonators under strip lines; `values` are their weights for vanishing powers.

    `widths`: of the tones that carry [1, n, steps, lines], as `ToneNoise.widths`; None: sharp.
    """

    table: LineTable
    widths: Callable[[Array], Array | None] | None = None

    @classmethod
    def around(cls, held: StripWeights, table: LineTable, widths: Callable[[Array], Array | None] | None) -> Self:
        """The same weights with resonators that saturate."""
        own = {spec.name: getattr(held, spec.name) for spec in fields(StripWeights)}
        return cls(**own, table=table, widths=widths)

    def by(self, balance: Balance) -> "SaturatingLines":
        """Itself: the balance is a full one."""
        del balance
        return self

    @property
    def balance(self) -> Balance:
        """How its balances are solved."""
        return "full"

    def of_chains(self, carried: Array, widths: Array | None, noisy: bool) -> tuple[Array, Array]:
        """Answers in trained units and noise for p_T = 1, V²/Hz, [n, steps, chains], of carried [n, steps, lines]."""
        shape, lines = carried.shape[:2], carried.shape[-1]
        wide = None if widths is None else widths.reshape(-1, lines)
        volts, noise = self.table.heard(carried.reshape(-1, lines), wide, noisy)
        unit = self.scale * self.table.p_max / self.gain
        return (volts / unit).reshape(*shape, -1), noise.reshape(*shape, -1)

    def products(self, carried: Array) -> Array:
        """Answers in trained units, [groups, n, outputs, positions], of what lines carry, [n, steps, lines]."""
        widths = self.widths(carried[None]) if self.widths else None
        return self.by_output(self.of_chains(carried, None if widths is None else widths[0], noisy=False)[0])

    def sharp(self, carried: Array) -> Array:
        """Answers to tones without a line width."""
        return replace(self, widths=None).products(carried)

    def heard(self, carried: Array, widths: Array | None, agitation: Array) -> tuple[Array, Array]:
        """Answers, [groups, n, outputs, positions], and variances of the precession noise, V² [1, n, chains, steps]."""
        answers, noise = self.of_chains(carried, widths, noisy=bool(agitation.any()))
        return self.by_output(answers), agitation[0] * noise.swapaxes(1, 2)[None]

    @property
    def flat(self) -> "FlatLines":
        """All chains as one group."""
        return FlatLines(layer=self.layer, values=self.values[None], trained=self.trained[None], base=self)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FlatLines(HeldWeights):
    """All chains of such a layer as one group: carried [1, n, steps, lines], answers [1, n, chains, steps]."""

    base: SaturatingLines

    def products(self, carried: Array) -> Array:
        """Answers to tones of their line width."""
        base = self.base
        widths = base.widths(carried) if base.widths else None
        return base.of_chains(carried[0], None if widths is None else widths[0], noisy=False)[0].swapaxes(1, 2)[None]

    def sharp(self, carried: Array) -> Array:
        """Answers to tones without one."""
        return self.base.of_chains(carried[0], None, noisy=False)[0].swapaxes(1, 2)[None]

    def heard(self, carried: Array, widths: Array | None, agitation: Array) -> tuple[Array, Array]:
        """Answers, and variances of the precession noise, V²."""
        answers, noise = self.base.of_chains(
            carried[0], None if widths is None else widths[0], noisy=bool(agitation.any())
        )
        return answers.swapaxes(1, 2)[None], agitation[0] * noise.swapaxes(1, 2)[None]
