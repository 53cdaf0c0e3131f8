"""Second-order products f_i ± f_j of a bus's tones that fall on a channel: how many, how strong, how to avoid them.

models/circuit/mixing.py says what one does. On a geometric grid of ratio r a product falls on a channel where 1 + r^m
= r^n nearly, and then it does so for every pair m steps apart: a slightly different ratio moves all of them together.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.models.circuit.bus import bus_currents, tone_levels
from resonet.models.circuit.mixing import output_bandwidth, product_voltage, series_transfer
from resonet.models.circuit.multiplexer import source_impedance
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, PlanOptions, channel_grid

__all__ = ["Product", "Products", "bus_products", "clear_band"]

TRIALS = 41  # ratios tried


@dataclass(frozen=True, slots=True)
class Product:
    """One product on a channel."""

    first: int  # tone i, by its resonator
    second: int  # tone j
    difference: bool  # f_i - f_j, not f_i + f_j
    victim: int  # channel that it falls on
    offset: float  # Hz, product - channel
    level: float  # dB, its current in the victim's resonator against the tone's own, all at p_max
    output: float  # of full scale K_SD p_max: largest swing at the DC output, beat note included


@dataclass(frozen=True, slots=True)
class Products:
    """All products of a bus within so many linewidths of a channel."""

    linewidths: float
    count: int  # within that distance
    steady: int  # those slow enough for the DC output to follow
    total: float  # of full scale: `output` of the worst channel's products, root of the sum of squares
    worst: Product | None  # largest `output`; None where there is none


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Products near a channel, as arrays [products]."""

    first: Ints
    second: Ints
    difference: Bools
    victim: Ints
    offset: Array

    def __len__(self) -> int:
        return len(self.first)


def _near(frequencies: Array, damping: float, linewidths: float) -> _Pairs:
    """Products of two tones (or of one with itself) within so many linewidths 2 α f of a channel."""
    i, j = np.tril_indices(len(frequencies))
    i, j = np.where(frequencies[i] >= frequencies[j], (i, j), (j, i))
    apart = i != j
    first, second = np.concatenate([i, i[apart]]), np.concatenate([j, j[apart]])
    difference = np.arange(len(first)) >= len(i)
    product = frequencies[first] + np.where(difference, -1, 1) * frequencies[second]
    order = np.argsort(frequencies)
    above = np.clip(np.searchsorted(frequencies[order], product), 1, max(len(order) - 1, 1))
    sides = np.stack([order[above - 1], order[np.minimum(above, len(order) - 1)]])
    victim = sides[np.abs(frequencies[sides] - product).argmin(0), np.arange(len(product))]
    offset = product - frequencies[victim]
    on = np.abs(offset) <= linewidths * 2 * damping * frequencies[victim]
    return _Pairs(first[on], second[on], difference[on], victim[on], offset[on])


def _levels(
    pairs: _Pairs, frequencies: Array, levels: Array, chains: int, below: int, plan: FrequencyPlan
) -> tuple[Array, Array]:
    """|δ/I| at each product's victim, all tones at p_max, all resonators on their tones; and its beat's share."""
    device, circuit = plan.device, plan.circuit
    size, resistance = len(frequencies), device.resistance
    emf = levels * np.sqrt(plan.options.p_max)
    current = bus_currents(frequencies, resistance, size, chains, circuit, below) * emf[:, None]
    precession = susceptibility(frequencies[:, None], frequencies, device.damping) * current
    source = None if circuit.combining == "resistive" else source_impedance(frequencies, circuit)
    transfer = series_transfer(frequencies, resistance, size, chains, circuit, below, diagonal=True, source=source)
    signs = np.where(np.arange(size) % 2, -1.0, 1.0)
    level = np.empty(len(pairs))
    for difference in (False, True):
        part = pairs.difference == difference
        a, b, victim = pairs.first[part], pairs.second[part], pairs.victim[part]
        volts = product_voltage(
            device.transduction, (current[a], precession[a]), (current[b], precession[b]), difference
        )
        driven = (transfer[victim] * signs * volts).sum(1) * np.where(a == b, 0.5, 1.0)
        level[part] = np.abs(driven / current[victim, victim])
    beat = pairs.offset / output_bandwidth(resistance, size, circuit)
    return level, 1 / np.sqrt(1 + beat**2)


def bus_products(plan: FrequencyPlan, bus: Bus, linewidths: float = 1.0) -> Products:
    """Products on the channels of a bus: how many, and the one that moves the output most.

    The tones are all at p_max, the resonators on their tones (where they answer most), the weight the largest one, the
    phases the worst. `output` is 2 |δ/I| of full scale times what the DC output still passes at the beat note.
    """
    return _products(plan, bus.frequencies, bus.levels, len(bus.outputs), bus.below, linewidths)


def _products(
    plan: FrequencyPlan, frequencies: Array, levels: Array, chains: int, below: int, linewidths: float
) -> Products:
    pairs = _near(frequencies, plan.device.damping, linewidths)
    if len(frequencies) < 2 or not len(pairs):
        return Products(linewidths, 0, 0, 0.0, None)
    level, share = _levels(pairs, frequencies, levels, chains, below, plan)
    n = int((level * share).argmax())
    total = 2 * np.sqrt(np.bincount(pairs.victim, (level * share) ** 2).max())
    worst = Product(
        int(pairs.first[n]),
        int(pairs.second[n]),
        bool(pairs.difference[n]),
        int(pairs.victim[n]),
        float(pairs.offset[n]),
        20 * float(np.log10(level[n])),
        float(2 * level[n] * share[n]),
    )
    return Products(linewidths, len(pairs), int((share >= np.sqrt(0.5)).sum()), float(total), worst)


def clear_band(
    plan: FrequencyPlan, resonators: int, chains: int = 1, span: float = 0.03
) -> tuple[PlanOptions, Products, Products]:
    """Highest channel within ± `span` of the plan's f_max at which the products move the output least.

    For buses of so many resonators and chains. Returns the options with that f_max, and the products before and after.
    The grid stays geometric, so decks stay as cheap as they are.
    """
    options = plan.options

    def products(candidate: PlanOptions) -> Products:
        grid = channel_grid(resonators, candidate)
        levels = tone_levels(grid, plan.device.resistance, chains, plan.circuit)
        return _products(plan, grid, levels, chains, 0, 1.0)

    tops = options.f_max * (1 + np.linspace(-span, span, TRIALS))
    candidates = [replace(options, f_max=round(float(f), -6)) for f in tops if options.f_min < f <= 1e12]
    known = [(products(candidate), candidate) for candidate in candidates]
    best, chosen = min(known, key=lambda pair: pair[0].total)
    now = products(options)
    return (chosen, now, best) if best.total < now.total else (options, now, now)
