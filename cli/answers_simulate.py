"""Answers of the commands that simulate, as types (answers.py)."""

from pathlib import Path
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # of which pydantic makes schemas on Python 3.11 too

from resonet.cli.answers_common import ByLayer, Checked, Common, Files
from resonet.cosim.cascade.level_diagrams import LevelDiagram
from resonet.cosim.weights.maxima import PoolError
from resonet.cosim.weights.summary import LayerSummary

__all__ = [
    "AccuracyAnswer",
    "CrossbarAnswer",
    "CrosstalkAnswer",
    "DriftAnswer",
    "FaultsAnswer",
    "LevelsAnswer",
    "MontecarloAnswer",
    "RunAnswer",
    "SensitivityAnswer",
    "SneakAnswer",
    "SweepAnswer",
    "TolerancesAnswer",
    "TransientAnswer",
]


class Noise(TypedDict):
    """Reads with noise, by program, and at which operating point."""

    operating_point: dict[str, float | str]
    programs: dict[str, dict[str, Any]]


class AccuracyAnswer(Checked):
    """Shares of images; `clipped` is the worst over programs. Of saturating resonators `accuracy.saturating`."""

    accuracy: dict[str, Any]
    heads: NotRequired[dict[str, dict[str, dict[str, float]]]]
    clipped: NotRequired[ByLayer]
    clipped_by_program: NotRequired[dict[str, ByLayer]]
    neurons: NotRequired[list[dict[str, Any]]]
    maxima: NotRequired[dict[str, list[PoolError]]]
    noise: NotRequired[Noise]
    arithmetic: NotRequired[dict[str, str]]
    chip: NotRequired[str]
    figures: NotRequired[Files]


class Network(TypedDict):
    """A network on a crossbar or on RF chains."""

    network: str
    accuracy: float | None
    rms_error: float
    accuracy_noise: float | None


class CrossbarAnswer(Common):
    """The same weights on crossbars and on RF chains."""

    array: dict[str, Any]
    layers: list[dict[str, Any]]
    networks: list[Network]
    sweeps: list[dict[str, Any]]
    software: float | None
    images: int
    decks: Files
    notes: list[str]
    figures: Files


class CrosstalkAnswer(Checked):
    """Effective weights, and who disturbs whom."""

    program: str
    layers: list[LayerSummary]
    figures: Files


class DriftAnswer(Common):
    """Accuracy, errors and slopes of chips over time."""

    run: dict[str, Any]
    journal: Path
    times: list[dict[str, Any]]
    intervals: list[float | None]


class FaultsAnswer(Common):
    """Accuracy over the share of broken devices."""

    run: dict[str, Any]
    journal: Path
    figures: Files
    software: float
    curves: list[dict[str, Any]]


class LevelsAnswer(Checked):
    """Level diagram: `levels.images` is how many images all of it stands on."""

    levels: LevelDiagram
    program: str
    resonators: Literal["linear", "saturating"]
    faults: list[str]
    figures: Files


class MontecarloAnswer(Common):
    """Chips with spread; `values` by quantity and level, one number a chip."""

    run: dict[str, Any]
    software: float | None
    quantities: NotRequired[list[dict[str, Any]]]
    limits: NotRequired[list[str]]
    chips: NotRequired[list[int]]
    values: NotRequired[dict[str, dict[str, list[float]]]]
    failed: NotRequired[int]
    sparams: NotRequired[dict[str, Any]]
    results: Files
    journal: Path
    figures: Files
    not_tested: list[str]


MontecarloAnswer.__annotations__["yield"] = NotRequired[dict[str, dict[str, Any]]]  # no name in Python


class RunAnswer(Common):
    """An image through the cascade; energy and settling where there was an envelope."""

    image: int
    program: str
    resonators: Literal["linear", "saturating"]
    label: int | None
    logits: dict[str, list[float] | list[list[float]]]
    outputs: dict[str, Any]
    predicted: dict[str, int]
    layers: list[dict[str, Any]]
    interference: ByLayer
    seconds: dict[str, float]
    noise: NotRequired[dict[str, Any]]
    stop: NotRequired[float]
    step: NotRequired[float]
    latency: NotRequired[float]
    unsettled: NotRequired[bool]
    settling: NotRequired[list[dict[str, Any]]]
    energy: NotRequired[dict[str, Any]]
    literature: NotRequired[Any]
    weights: dict[str, Any]
    decks: Files
    figures: Files


class SensitivityAnswer(Common):
    """Which spread matters."""

    run: dict[str, Any]
    journal: Path
    sources: list[dict[str, Any]]


class SneakAnswer(Checked):
    """Weight error by cause; layouts have more keys than buses."""

    layer: str
    feed: Literal["bus", "stripline"]
    program: str
    causes: list[dict[str, Any]]
    arrangement: NotRequired[str]
    chains: NotRequired[list[int]]
    neighbours: NotRequired[int]
    coherent_rms: NotRequired[float]
    coherent_worst: NotRequired[float]
    foreign_if_one_frequency: NotRequired[float]
    interference_if_one_frequency: NotRequired[float]
    pairs: NotRequired[Any]
    whole: NotRequired[dict[str, Any] | None]
    figures: NotRequired[Files]


class SweepAnswer(Checked):
    """Points of a sweep."""

    points: list[dict[str, Any]]
    failed: int
    results: Path
    journal: Path
    figures: Files


class TolerancesAnswer(Common):
    """The loosest spreads."""

    run: dict[str, Any]
    journal: Path
    needed: int
    rows: list[dict[str, Any]]


class TransientAnswer(Common):
    """A chain in the time domain: the keys of `TransientResult`."""

    program: str
    difference_of_full_scale: float
    deck: Path
