"""Channel planning, for the calibration show script: random weights in full bands, what limits them, what helps."""

import time
from dataclasses import dataclass

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.referee.mixing import three_tones
from resonet.models.resonator.chain import Branches, Chains, chain_response, solve_chains
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.planning.frequency_plan import LayerPlan, PlanOptions, plan
from resonet.netlist.planning.second_order import clear_band
from resonet.netlist.programming.methods import bus_weights, largest_fill, solver_chains
from resonet.netlist.programming.remedy import remedies

__all__ = ["claims"]

DEVICE = SpinDiode()  # α = 0.01
HELD = 1e-6  # largest residual, as part of the largest weight
BUS = 32  # chains on a bus


@dataclass(frozen=True, slots=True)
class Case:
    """Channels in a band."""

    channels: int
    f_min: float
    f_max: float

    @property
    def name(self) -> str:
        return f"{self.channels} channels, {self.f_min / 1e9:g}-{self.f_max / 1e9:g} GHz"

    def chains(self) -> Chains:
        signs = np.where(np.arange(self.channels) % 2, -1.0, 1.0)
        return Chains(np.geomspace(self.f_max, self.f_min, self.channels), signs, DEVICE.damping)

    def planned(self, weights: Array, **options: float) -> LayerPlan:
        """One layer on one bus, with as many chains as the weights have rows."""
        outputs, taps = weights.shape
        kernel = weights.reshape(outputs, taps, 1, 1)
        synapses = Synapses("dense1", "", "dense", kernel, np.zeros(outputs), (taps, 1, 1), (outputs, 1, 1))
        wanted = PlanOptions(self.f_min, self.f_max, self.channels, 4096, **options)
        return plan(Cnn("", "0" * 64, (taps,), (synapses,)), DEVICE, options=wanted).layers[0]


CASES = (Case(48, 1e9, 20e9), Case(25, 5e9, 10e9))


def _held(case: Case, weights: Array, fill: float, branches: Branches = "near") -> Array:
    """Which sets hold their weights at a fixed fill."""
    _, worst = solve_chains(fill * weights, case.chains(), branches=branches, tolerance=0.01 * HELD * fill)
    return np.asarray(worst <= HELD * fill)


def _by_range_check(case: Case, sets: Array) -> None:
    """Every set alone, and all of them on one scale, as the check of the realisable range wants them."""
    fills, holds = [], []
    for row in sets:
        fill = largest_fill(case.planned(row[None] / np.abs(row).max()), DEVICE, 0.8)
        fills.append(fill)
        holds.append(fill > 0 and bool(_held(case, row[None] / np.abs(row).max(), fill)[0]))
    share = float(np.mean(holds))
    show(
        f"{case.name}, {len(sets):,} random sets, scale of the range check", f"{share:.2%}", ">= 99.9 %", share >= 0.999
    )
    below = float(np.mean(np.array(fills) < 0.8))
    info(f"{case.name}: sets that need less than 0.8; least", f"{below:.1%}; {min(fills):.3f}")
    together = largest_fill(case.planned(sets), DEVICE, 0.8)
    share_of_all = float(np.mean(_held(case, sets / np.abs(sets).max(), together))) if together else 0.0
    show(
        f"{case.name}, all sets on one scale, {together:.3f}", f"{share_of_all:.2%}", ">= 99.9 %", share_of_all >= 0.999
    )


def _at_fixed_fills(case: Case, sets: Array, far: int) -> None:
    """Rates at fixed fills and which resonator is at the end of its range where a set fails."""
    bus = case.planned(sets, ends=2).buses[0]
    wide = [
        solve_chains(fill * bus_weights(case.planned(sets, ends=2), bus), solver_chains(bus, DEVICE))[1] <= HELD * fill
        for fill in (0.7, 0.8, 0.9)
    ]
    text = " / ".join(f"{holds.mean():.1%}" for holds in wide)
    if case.channels == 48:
        show(
            f"{case.name}, plan.ends=2, default fill 0.8", f"{wide[1].mean():.2%}", ">= 99.9 %", wide[1].mean() >= 0.999
        )
    info(f"{case.name}, plan.ends=2: hold at fill 0.7 / 0.8 / 0.9", text)
    for fill in (0.7, 0.8, 0.9):
        near, both = _held(case, sets, fill), _held(case, sets[:far], fill, "both")
        info(
            f"{case.name}: hold at fill {fill:g}, near branch; both ({far} sets)",
            f"{near.mean():.1%}; {both.mean():.1%}",
        )
        if not near.all():
            u, _ = solve_chains(fill * sets[~near], case.chains())
            off = np.abs(chain_response(u, case.chains())[0] - fill * sets[~near]).argmax(1)
            ends = np.isin(off, [0, 1, case.channels - 2, case.channels - 1]).mean()
            there = float(np.median(np.abs(u[np.arange(len(u)), off])))
            info("  those that fail: worst tone among two at an end; |u| there", f"{ends:.0%}; {there:.2f}")


def _what_planning_gains(case: Case, buses: int) -> None:
    """Largest fill of buses of 32 chains: in order, with the inputs assigned, with wider ends, with both."""
    ways: dict[str, dict[str, float]] = {
        "in order": {},
        "plan.assign=1": {"assign": 1},
        "plan.ends=2": {"ends": 2},
        "both": {"assign": 1, "ends": 2},
    }
    largest = {way: [] for way in ways}
    for seed in range(buses):
        weights = np.random.default_rng(1000 + seed).uniform(-1, 1, (BUS, case.channels))
        for way, options in ways.items():
            largest[way].append(largest_fill(case.planned(weights, fill=0.9, **options), DEVICE, 0.98))
    text = ", ".join(f"{way} {np.mean(fills):.3f}" for way, fills in largest.items())
    info(f"{case.name}: largest fill of {BUS} chains a bus", text)
    plain, best = np.mean(largest["in order"]), np.mean(largest["both"])
    show(f"{case.name}: fill with both, against in order", f"{best:.3f}, {plain:.3f}", "higher", bool(best > plain))


def _remedies(case: Case, fill: float) -> None:
    """What helps the first random chain that does not hold, and how long that takes to find."""
    for seed in range(100):
        entry = case.planned(np.random.default_rng(seed).uniform(-1, 1, (1, case.channels)))
        planned = plan(
            Cnn("", "0" * 64, (case.channels,), (entry.layer,)), DEVICE, options=PlanOptions(case.f_min, case.f_max, 48)
        )
        begun = time.perf_counter()
        least = remedies(planned, planned.layers[0], planned.layers[0].buses[0], None, fill)
        taken = time.perf_counter() - begun
        if least:
            break
    info(f"{case.name}: remedies at fill {fill:g}, time to find", f"{len(least)}, {taken:.2f} s")
    for remedy in least:
        info(f"  {remedy.setting} = {remedy.value:.4g}", remedy.text)


def _second_order() -> None:
    """Three tones, f1 + f2 = f3: what the products do, closed form against transient; f3 moved off."""
    on, off = three_tones(0.0), three_tones(40e6)
    error = abs(on.transient / on.closed_form - 1)
    show("f1 + f2 = f3: shift of the output, transient vs closed form", f"{error:.2%}", "<= 2 %", error <= 0.02)
    info("  the shift, of full scale K_SD p_max", f"{on.closed_form:.3%}")
    for case in CASES:
        weights = np.ones((BUS, case.channels))
        options = PlanOptions(case.f_min, case.f_max, case.channels)
        entry = case.planned(weights)
        planned = plan(Cnn("", "0" * 64, (case.channels,), (entry.layer,)), DEVICE, options=options)
        moved, now, then = clear_band(planned, case.channels, BUS)
        level = f", {now.worst.level:.0f} dBc" if now.worst else ""
        info(f"{case.name}: products within a linewidth; slow; worst", f"{now.count:,}; {now.steady}{level}")
        text = f"{now.total:.3%}, {then.total:.3%}"
        show(f"  worst channel, f_max moved to {moved.f_max / 1e9:.2f} GHz", text, "lower", then.total < now.total)
    left = abs(off.transient / on.closed_form)
    show("f3 moved by 40 MHz: what is left of it", f"{left:.1%}", "<= 5 %", left <= 0.05)


def claims(quick: bool) -> None:
    """Print the claims of channel planning; `quick` takes fewer sets."""
    number = 60 if quick else 1000
    for case in CASES:
        sets = np.random.default_rng(case.channels).uniform(-1, 1, (number, case.channels))
        _by_range_check(case, sets)
        _at_fixed_fills(case, sets, 6 if quick else 60)
        _what_planning_gains(case, 2 if quick else 8)
        _remedies(case, 0.95)
    _second_order()


if __name__ == "__main__":
    claims("--quick" in __import__("sys").argv)
