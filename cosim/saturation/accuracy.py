"""Accuracy of networks whose resonators saturate, at several tone powers: as programmed, and made good on data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.core.validity import warn
from resonet.core.watching import Done, nothing
from resonet.cosim.noise.noisy import NoisyWeights
from resonet.cosim.noise.repeats import NoisyAccuracy, Reads, noisy_accuracy
from resonet.cosim.saturation.data_fit import DataFit, fit_on_data
from resonet.cosim.saturation.fit import FitOptions
from resonet.cosim.saturation.held import SaturatingWeights, saturating_weights
from resonet.cosim.saturation.lines import SaturatingLines
from resonet.cosim.saturation.tables import Balance
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["SaturatingAccuracy", "at_power", "balance_error", "saturating_accuracy", "warn_fitted_elsewhere"]

SATURATING = (SaturatingWeights, SaturatingLines)
CHECKED = 5  # images that the full balance is asked, too
LOOSE = 1e-3  # difference between both, as part of the largest output, from which on a warning is due


class Hardware(Protocol):
    """What a network with layers on strip lines is at one tone power (cosim/cascade/hardware.py)."""

    @property
    def answering(self) -> Mapping[str, HeldWeights]:
        """What answers to the tones, by layer name: saturating resonators."""

    def noisy(self, seed: int = 1) -> Mapping[str, NoisyWeights]:
        """The same with noise."""


Saturate = Callable[[Design], Hardware]  # of the design at one tone power


@dataclass(frozen=True, slots=True, eq=False)
class SaturatingAccuracy:
    """Images at one tone power."""

    p_max: float  # W
    variant: str  # the program; + gain: one gain a layer; + predetuned: and in closed form; + data: detunings fitted
    circuit: float  # share of images whose class is their label
    same_class: float  # in the class of the trained network
    balance: Balance
    checked: float  # largest difference of an output from the full balance, part of the largest; 0 for that itself
    fit: DataFit | None = None
    noisy: NoisyAccuracy | None = None  # with noise, too


def at_power(design: Design, p_max: float) -> Design:
    """The design with another tone power at the largest activation, W. Raises InputError."""
    plan = design.plan
    options = replace(plan.options, p_max=p_max)
    return replace(design, plan=replace(plan, options=options), parameters=replace(design.parameters, plan=options))


def warn_fitted_elsewhere(design: Design) -> None:
    """Warn where the fitted program of a design was fitted for another power or law than the design has."""
    fitted, options = design.fitted, design.plan.options
    if fitted is not None and (told := fitted.unlike(options.p_max, design.parameters.saturation)):
        text = f"program fitted: {told}; possible: resonet calibrate --on-data at this power"
        warn("fitted-elsewhere", text, options.p_max, fitted.p_max, "W")


def balance_error(design: Design, held: Mapping[str, HeldWeights], images: Array) -> float:
    """Largest difference of an output between the balance of some weights and the full one, part of the largest."""
    full = {name: one.by("full") if isinstance(one, SATURATING) else one for name, one in held.items()}
    exact = forward(design, full, images)
    return float(np.abs(forward(design, held, images) - exact).max() / (np.abs(exact).max() or 1.0))


def saturating_accuracy(
    design: Design,
    held: Mapping[str, RfWeights],
    data: ImageSet,
    software: Ints,
    powers: Sequence[float] = (),
    calibration: ImageSet | None = None,
    engine: Engine = linear,
    balance: Balance | None = None,
    options: FitOptions | None = None,
    done: Done = nothing,
    reads: Reads | None = None,
    saturate: Saturate | None = None,
) -> list[SaturatingAccuracy]:
    """Accuracy at each of `powers`, W (default: the design's), of the program that `held` is of.

    With `calibration` images also with one gain a layer (and predetuned, with a frequency shift) and with
    detunings fitted, on these. `software`: classes that
    the trained network puts the images in. `reads`: with noise, too, and with the line width of
    the tones in everything, fits included. `saturate`, due where layers are on strip lines, gives the hardware at each
    power; nothing is fitted then. `done` is called after each 500 images of every variant and read. Raises InputError.
    """
    if calibration is not None and saturate is not None:
        design.require_bus("gains and detunings fitted on images", None, "without calibration images (--fit)")
    if calibration is not None and any(one.method == "fitted" for one in held.values()):
        raise InputError("a fitted program is fitted already; possible: another --program, or no calibration images")
    found = list[SaturatingAccuracy]()
    for p_max in powers or (design.plan.options.p_max,):
        own = at_power(design, p_max)
        if any(one.method == "fitted" for one in held.values()):
            warn_fitted_elsewhere(own)
        hardware, method = saturate(own) if saturate else None, next(iter(held.values())).method
        variants: dict[str, tuple[Mapping[str, HeldWeights], DataFit | None]] = {}
        if hardware is not None:
            variants[method] = hardware.answering, None
        else:
            weights = saturating_weights(own, held, engine, balance, wide=reads is not None)
            variants[method] = weights, None
        if calibration is not None:
            options = options or FitOptions()
            gain = fit_on_data(own, weights, calibration.images, replace(options, steps=0))
            fit = fit_on_data(own, weights, calibration.images, options)
            closed = "predetuned" if own.parameters.saturation.frequency_shift else "gain"
            variants |= {f"{method} + {closed}": (gain.held, gain), f"{method} + data": (fit.held, fit)}
        few = None if reads is None else reads.of(own, data)
        for name, (base, fitted) in variants.items():
            measured = _measured(own, name, base, fitted, data, software, done)
            if reads is not None and few is not None:
                at, of = own, held
                if fitted is not None:  # a gain makes what the chains add larger, too
                    at = fitted.design(own, method)
                    of = network_weights(at, "fitted", engine)
                lines = hardware.noisy(reads.seed) if hardware else None
                drawn = noisy_accuracy(at, of, few, software, reads.seed, reads.repeats, base, done, lines)
                measured = replace(measured, noisy=drawn)
            found.append(measured)
    return found


def _measured(
    design: Design,
    variant: str,
    held: Mapping[str, HeldWeights],
    fit: DataFit | None,
    data: ImageSet,
    software: Ints,
    done: Done,
) -> SaturatingAccuracy:
    """One variant at one power; a warning where the fast balance is not near the full one."""
    own = classes(forward(design, held, data.images, done), design.cnn.ranked)
    balances, p_max = {one.balance for one in held.values() if isinstance(one, SATURATING)}, design.plan.options.p_max
    kind: Balance = "fast" if "fast" in balances else "full"
    off = balance_error(design, held, data.images[:CHECKED]) if kind == "fast" else 0.0
    if off > LOOSE:
        text = f"{variant}, {p_max:g} W: outputs of the fast balance are off by {off:.1g}; possible: --balance full"
        warn("fast-balance", text, off, LOOSE)
    shares = (float(np.mean(own == data.labels)), float(np.mean(own == software)))
    return SaturatingAccuracy(p_max, variant, *shares, kind, off, fit)
