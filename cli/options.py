"""Arguments and options that several commands have, each once; and the rule for options that do not always apply.

    data: Annotated[Path | None, typer.Option("--data", help="Images."), only("feed", "stripline")] = None

What such an option needs is said beside it, and checked before the command runs (`refuse_what_does_not_apply`): an
option that would change nothing is refused, never dropped.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

__all__ = [
    "Applies",
    "BestProgram",
    "Chosen",
    "Data",
    "FittedToo",
    "Folder",
    "InputShape",
    "Jobs",
    "Json",
    "Layer",
    "Layers",
    "Neurons",
    "Out",
    "Output",
    "ParameterFile",
    "Preset",
    "Programs",
    "ProgramsToo",
    "Quiet",
    "Settings",
    "Strict",
    "Verbose",
    "WeightEngine",
    "only",
    "option_name",
    "refuse_what_does_not_apply",
    "unless",
    "when",
    "with_decks",
]

Values = Mapping[str, Any]  # of a command's parameters, by name

Folder = Annotated[Path, typer.Argument(help="Design folder that `resonet compile` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit status 1 if there is any warning of validity.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no suggestion of what is next.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every run of an engine, and what the command took.")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="ngspice processes at once (default: one a core).")]
Layer = Annotated[str, typer.Option("--layer", help="Layer, as `resonet compile` names it: conv1, dense1, ...")]
Layers = Annotated[list[str] | None, typer.Option("--layer", help="Only these layers.")]
Data = Annotated[Path | None, typer.Option("--data", help="Labelled images: .npz with images [n, ...] and labels [n].")]
Preset = Annotated[str | None, typer.Option(help="Device from the literature, such as vortex_mtj.")]
ParameterFile = Annotated[Path | None, typer.Option(help="TOML file with [device], [bus], [plan] tables.")]
WeightEngine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Whose weights: auto (linear, checked by ngspice on a sample), linear, ngspice, formula.",
    ),
]
Settings = Annotated[list[str] | None, typer.Option("--set", help='One parameter, such as --set plan.f_max="10 GHz".')]
Out = Annotated[Path, typer.Option("-o", "--out", help="Design folder to write.")]
InputShape = Annotated[
    str | None, typer.Option(help="Shape of one image where the file leaves it open, such as 1,28,28.")
]
Output = Annotated[
    str | None, typer.Option("--output", help="Output of the model that the network ends in, where it has several.")
]
Chosen = Annotated[
    Literal["formula", "coupled", "calibrated"], typer.Option("--program", help="How the resonators are programmed.")
]
BestProgram = Annotated[
    Literal["formula", "coupled", "calibrated"] | None,
    typer.Option("--program", help="How the resonators are programmed (default: calibrated, where there is one)."),
]
Programs = Annotated[
    Literal["all", "formula", "coupled", "calibrated"], typer.Option("--program", help="Only this program.")
]
FittedToo = Annotated[
    Literal["formula", "coupled", "calibrated", "fitted"],
    typer.Option(
        "--program", help="How the resonators are programmed; fitted: for saturating ones (calibrate --on-data)."
    ),
]
ProgramsToo = Annotated[
    Literal["all", "formula", "coupled", "calibrated", "fitted"],
    typer.Option("--program", help="Only this program; fitted: of saturating resonators (calibrate --on-data)."),
]
Neurons = Annotated[
    Literal["relu", "two_terminal", "three_terminal"] | None,
    typer.Option("--neurons", help="Oscillators in the place of ReLUs (default: what it was trained with)."),
]


@dataclass(frozen=True, slots=True)
class Applies:
    """When an option changes anything; stands in its annotation beside the `typer.Option`."""

    test: Callable[[Values], bool]
    need: str  # what it takes, after "possible: "


def when(test: Callable[[Values], bool], need: str) -> Applies:
    """Of any condition on the values of the command's parameters."""
    return Applies(test, need)


def only(other: str, *values: str) -> Applies:
    """With another option: given at all, or with one of `values` (one of them in a list with commas)."""
    option = option_name(other)

    def test(found: Values) -> bool:
        chosen = found[other]
        if not values:
            return bool(chosen)
        return any(part.strip() in values for part in str(chosen).split(","))

    return Applies(test, f"with {option}" if not values else " or ".join(f"with {option} {value}" for value in values))


def unless(other: str) -> Applies:
    """Without another option."""
    return Applies(lambda found: not found[other], f"without {option_name(other)}")


def _runs_decks(found: Values) -> bool:
    from resonet.cosim.weights.engines import find_engine

    return found["engine"] is None or find_engine(found["engine"]).runs_decks


with_decks = Applies(_runs_decks, "with an --engine that runs decks, such as auto or ngspice")


def option_name(parameter: str) -> str:
    """How a parameter is written on the command line, where nothing else is said of it."""
    return "--" + parameter.replace("_", "-")


def _conditions(function: Callable[..., Any]) -> Iterator[tuple[str, Applies]]:
    for name, annotation in function.__annotations__.items():
        yield from ((name, entry) for entry in get_args(annotation) if isinstance(entry, Applies))


def refuse_what_does_not_apply(context: typer.Context, function: Callable[..., Any], values: Values) -> None:
    """typer.BadParameter for an option that was given and would change nothing, naming it and what it takes."""
    for name, applies in _conditions(function):
        source = context.get_parameter_source(name)
        if source is None or source.name == "DEFAULT" or applies.test(values):
            continue
        raise typer.BadParameter(f"changes nothing here; possible: {applies.need}", param_hint=_written(context, name))


def _written(context: typer.Context, name: str) -> str:
    """The option of a parameter as its help shows it."""
    return next((param.opts[-1] for param in context.command.params if param.name == name), option_name(name))
