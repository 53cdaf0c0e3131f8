"""What the commands that study chips have in common: their options, lists of numbers, and how a run is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from resonet.cli.faults import complain
from resonet.cli.options import unless
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.sweep.outcomes import Outcomes

__all__ = [
    "Bits",
    "LabelledData",
    "Processes",
    "Range",
    "Scheduler",
    "Seed",
    "Spreads",
    "numbers",
    "one_of",
    "shares",
    "stop_at_failed",
    "where",
]

LabelledData = Annotated[
    Path, typer.Option("--data", help="Labelled images: .npz with images [n, ...] and labels [n].")
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of the chips, and of what is drawn besides.")]
Range = Annotated[float, typer.Option("--range", help="Half-widths that a resonator is tuned either way, at most.")]
Bits = Annotated[int, typer.Option("--bits", min=0, max=12, help="Of each DAC over that range; 0: any value.")]
Processes = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Processes (default: one a core)."), unless("scheduler")
]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786, instead of --jobs.")
]
Spreads = Annotated[
    list[str] | None,
    typer.Option("--spread", help='NAME=VALUE in the place of [spread] of the design, such as f_res="0.5 %".'),
]
Word = TypeVar("Word", bound=str)


def one_of(text: str, option: str, possible: Sequence[Word]) -> Word:
    """The one of a few words that was given. Raises InputError."""
    found = next((word for word in possible if word == text), None)
    if found is None:
        raise InputError(f"{option} {text[:40]!r}: possible: {', '.join(possible)}")
    return found


def numbers(text: str, option: str, unit: str) -> tuple[float, ...]:
    """Numbers with commas, in order and once each. Raises InputError."""
    from resonet.core.numbers import read_number

    found = []
    for part in text.split(","):
        try:
            found.append(read_number(part.strip(), unit))
        except ValueError as error:
            raise InputError(f"{option} {part[:40]!r}: {error}; possible: numbers in {unit}, with commas") from None
    return tuple(sorted(set(found)))


def shares(text: str, option: str) -> tuple[float, ...]:
    """Parts with commas, such as 0.1 %. Raises InputError."""
    from resonet.core.numbers import read_number

    found = []
    for part in map(str.strip, text.split(",")):
        try:
            found.append(read_number(part))
        except ValueError as error:
            raise InputError(f"{option} {part[:40]!r}: {error}; possible: parts such as 0.1 %, with commas") from None
    return tuple(sorted(set(found)))


def where(path: Path | None) -> str | None:
    """Path that every process finds."""
    return None if path is None else str(path.absolute())


def stop_at_failed(outcomes: "Outcomes", what: str) -> None:
    """Leave with exit status 1 where some points could not be computed."""
    failed = outcomes.failed()
    if failed:
        told = f"{len(failed)} of {len(outcomes)} {what} could not be computed, the first (number {failed[0]})"
        complain(f"{told}: {outcomes[failed[0]].error}")
        raise typer.Exit(1)
