"""What is measured of a chip, and what a specification asks of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.numbers import engineering, read_number
from resonet.core.parameters import shown
from resonet.core.types import Array, Bools
from resonet.netlist.design.acceptance import Acceptance
from resonet.netlist.design.specification import Specification

__all__ = ["ACCEPTED", "QUANTITIES", "Limit", "Quantity", "Sense", "acceptance_limits", "limits_of", "parse_limit"]

Sense = Literal[">=", "<="]
GRAMMAR = re.compile(r"\s*([a-z_0-9]+)\s*(>=|<=)\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a chip."""

    name: str
    unit: str  # SI; "" for parts, which people read in per cent
    text: str
    sense: Sense  # on which side of a limit a chip passes
    place: tuple[str, ...]  # names that lead to it in what `measure_chip` gives
    levels: bool = True  # whether it has one for each level, by a last name
    images: bool = False  # whether it takes labelled images
    sparams: bool = False  # whether it takes the S-parameters of a chain


QUANTITIES = {
    one.name: one
    for one in (
        Quantity("accuracy", "", "accuracy", ">=", ("accuracy",), images=True),
        Quantity("noisy", "", "accuracy with noise", ">=", ("noisy",), images=True),
        Quantity("weight_error", "", "RMS weight error", "<=", ("rms",)),
        Quantity("worst_error", "", "worst weight error", "<=", ("worst",)),
        Quantity("crosstalk", "dB", "worst crosstalk", "<=", ("crosstalk",)),
        Quantity("latency", "s", "latency", "<=", ("latency", "parallel"), levels=False),
        Quantity("energy", "J", "energy", "<=", ("energy",), levels=False, images=True),
        Quantity(
            "insertion_loss", "dB", "largest insertion loss at a channel", "<=", ("insertion_loss",), sparams=True
        ),
        Quantity("return_loss", "dB", "least return loss at a channel", ">=", ("return_loss",), sparams=True),
        Quantity(
            "resonance_error", "", "largest error of a resonance frequency", "<=", ("resonance_error",), sparams=True
        ),
    )
}

# Of a network as a whole, in [acceptance].
ACCEPTED = {
    one.name: one
    for one in (
        Quantity("software", "", "accuracy in software", ">=", (), images=True),
        Quantity("saturating", "", "accuracy with noise and saturation", ">=", (), images=True),
        Quantity("spread", "", "accuracy with spread, median chip", ">=", (), images=True),
        Quantity("passing", "", "yield", ">=", ()),
    )
}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a chip, or the network, has to keep."""

    quantity: str
    sense: Sense
    bound: float  # SI

    @property
    def text(self) -> str:
        """As people write it."""
        unit = (QUANTITIES | ACCEPTED)[self.quantity].unit
        value = f"{100 * self.bound:g} %" if not unit else engineering(self.bound, unit, 6)
        return f"{self.quantity} {self.sense} {value}"

    def passes(self, values: Array) -> Bools:
        """Which chips keep it, [chips]; one without a value does not."""
        with np.errstate(invalid="ignore"):
            return np.asarray(values >= self.bound if self.sense == ">=" else values <= self.bound)


def _bound(text: str, unit: str) -> float:
    """SI value of a bound; ValueError for a number whose unit nobody said."""
    bound = read_number(text, unit)
    if text[-1:].isdigit() and (unit or bound > 1):
        raise ValueError(f"the unit is missing, {text} of what?")
    return bound


def parse_limit(text: str, quantities: Mapping[str, Quantity] = QUANTITIES) -> Limit:
    """Limit from "accuracy >= 98 %", "latency <= 20 us", "crosstalk <= -20 dB". Raises InputError."""
    found = GRAMMAR.match(text)
    names = ", ".join(f"{one.name} {one.sense}" for one in quantities.values())
    told = f"--spec {shown(text)}: possible: NAME >= VALUE or NAME <= VALUE with {names}"
    if found is None or found[1] not in quantities:
        raise InputError(told)
    known = quantities[found[1]]
    if found[2] != known.sense:
        raise InputError(f"--spec {shown(text)}: a chip passes with {known.name} {known.sense} VALUE; possible: that")
    try:
        bound = _bound(found[3], known.unit)
    except ValueError as error:
        unit = known.unit or "%"
        raise InputError(
            f"--spec {shown(text)}: {error}; possible: {known.name} {known.sense} NUMBER UNIT, the unit {unit}"
        ) from None
    most = 1.0 if known.sense == ">=" and not known.unit else float("inf")
    if (known.unit != "dB" and bound < 0) or bound > most:
        raise InputError(
            f"--spec {shown(text)}: possible: 0 ... 100 %" if most == 1 else f"--spec {shown(text)}: below 0"
        )
    return Limit(known.name, known.sense, bound)


def limits_of(
    specification: Specification, given: Sequence[str] = (), known: Iterable[str] | None = None
) -> tuple[Limit, ...]:
    """Limits of [specification] and of --spec, which come before those of the same quantity.

    `known`: quantities that are measured. Raises InputError for one of --spec that is not; those of the design that
    are not measured say nothing then.
    """
    own = {limit.quantity: limit for limit in map(parse_limit, given)}
    if known is not None:
        wrong = next((name for name in own if name not in known), None)
        if wrong is not None:
            need = "with --noise and --data" if wrong == "noisy" else "with labelled images: --data IMAGES.npz"
            need = "with --sparams LAYER" if QUANTITIES[wrong].sparams else need
            raise InputError(f"--spec {own[wrong].text!r}: is not measured; possible: {need}")
    limits = _limits(specification, QUANTITIES)
    merged = {name: own.get(name, limits.get(name)) for name in QUANTITIES}
    return tuple(one for name, one in merged.items() if one is not None and (known is None or name in known))


def _limits(table: Specification | Acceptance, quantities: Mapping[str, Quantity]) -> dict[str, Limit]:
    """Those that are set, by quantity."""
    values = {spec.name: float(getattr(table, spec.name)) for spec in fields(table)}
    return {name: Limit(name, quantities[name].sense, value) for name, value in values.items() if value}


def acceptance_limits(
    specification: Specification, acceptance: Acceptance, given: Sequence[str] = ()
) -> dict[str, Limit]:
    """Limits by quantity: of both tables, and of --spec in the place of those of the same quantity.

    Raises InputError.
    """
    own = {limit.quantity: limit for limit in (parse_limit(text, QUANTITIES | ACCEPTED) for text in given)}
    return _limits(specification, QUANTITIES) | _limits(acceptance, ACCEPTED) | own


assert get_args(Sense) == (">=", "<=")
assert {spec.name for spec in fields(Specification)} == set(QUANTITIES)
assert {spec.name for spec in fields(Acceptance)} == set(ACCEPTED)
