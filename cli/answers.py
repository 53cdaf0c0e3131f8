"""What every command answers with --json, as types: JSON Schemas are made of these (schemas.py), and nothing else.

Numbers that are not finite are null, complex ones [real, imaginary], paths text. Keys that are not required stand
there where an option asks for them.
"""

from pathlib import Path
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # of which pydantic makes schemas on Python 3.11 too

from resonet.cli.commands.parameters import Entry
from resonet.cli.device_sheet import Row as DeviceRow
from resonet.cli.doctor import Finding
from resonet.cli.show import version_of
from resonet.core.validity import Warned
from resonet.cosim.calibration.planner import PlanPoint
from resonet.cosim.cascade.level_diagrams import LevelDiagram
from resonet.cosim.referee.chain import TransientResult
from resonet.cosim.weights.maxima import PoolError
from resonet.cosim.weights.summary import LayerSummary, ScaledNeurons
from resonet.cosim.weights.witness import Witness
from resonet.models.resonator.family import Member
from resonet.netlist.design.tidy import Removed
from resonet.report.page.verdict import Judged

__all__ = ["ANSWERS", "RECORDS", "VERSIONS"]

ByLayer = dict[str, float]
Files = list[Path]


class Common(TypedDict):
    """What every answer has."""

    schema: str
    warnings: list[Warned]


class Checked(Common):
    """Whose the weights are."""

    engine: str
    witness: Witness | None


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


class CalibrateAnswer(Common):
    """Layers with their errors before and after; with --on-data those of the fit."""

    layers: list[dict[str, Any]]
    decks: NotRequired[int]
    figures: NotRequired[Files]
    engine: NotRequired[str]
    witness: NotRequired[Witness | None]
    program: NotRequired[str]
    start: NotRequired[str]
    p_max: NotRequired[float]
    images: NotRequired[int]


class CleanAnswer(Common):
    """What was, or would be, removed."""

    folder: Path
    dry_run: bool
    removed: list[Removed]


class Pair(TypedDict):
    """One thing of two designs."""

    name: str
    first: Any
    second: Any


class CompareAnswer(Common):
    """Two designs side by side."""

    folders: list[Path]
    same_network: bool
    programs: list[str]
    parameters: list[Pair]
    found: list[Pair]


class CompileAnswer(Common):
    """The layers of a design, with the keys of `LayerSummary` and what their inputs are scaled by."""

    folder: Path
    decks: int
    all_decks: bool
    earlier: list[str]
    notes: list[str]
    pixels: str
    neuron_scales: dict[str, list[ScaledNeurons] | float]
    layers: list[dict[str, Any]]


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


class DecksAnswer(Common):
    """Decks that were written; with --list, those that there are."""

    folder: NotRequired[Path]
    program: NotRequired[str]
    dialect: NotRequired[str]
    decks: list[Any]
    written: NotRequired[int]


class DemoLayer(TypedDict):
    """A layer of the demonstration."""

    name: str
    chains: int
    resonators: int
    channels: int
    positions: int
    rms_error_formula: float
    rms_error_coupled: float
    rms_error_calibrated: float
    worst_aggressor_db: float


class DemoAnswer(Checked):
    """What the demonstration found."""

    layers: list[DemoLayer]
    accuracy: dict[str, float | str]
    transient: list[dict[str, float]]


class DeviceAnswer(Common):
    """A device with its values and its check against SPICE; `device list`: names."""

    devices: NotRequired[list[str]]
    presets: NotRequired[list[str]]
    device: NotRequired[str]
    preset: NotRequired[str | None]
    parameters: NotRequired[list[DeviceRow]]
    fit: NotRequired[dict[str, Any] | None]
    values: NotRequired[dict[str, Any]]
    model_vs_spice: NotRequired[dict[str, Any]]
    allowed: NotRequired[dict[str, Any]]
    files: NotRequired[Files]


class DoctorAnswer(Common):
    """What is installed."""

    ok: bool
    findings: list[Finding]


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


class LayoutAnswer(Common):
    """Strip-line layouts."""

    geometry: dict[str, float | int | str]
    layouts: list[dict[str, Any]]
    figures: Files


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
    failed: NotRequired[list[Any] | dict[str, Any]]
    sparams: NotRequired[dict[str, Any]]
    results: Files
    journal: Path
    figures: Files
    not_tested: list[str]


MontecarloAnswer.__annotations__["yield"] = NotRequired[dict[str, dict[str, Any]]]  # no name in Python


class OperateAnswer(Common):
    """An operating point, what limits it, and the front beside it."""

    settings: list[str]
    latency: dict[str, Any]
    power: float
    energy: float
    energy_per_operation: float
    resonators_per_operation: float
    literature: Any
    searched: dict[str, Any]
    confirmed: dict[str, Any]
    target: float
    fitted_on: int
    predicted: float
    limited_by: list[dict[str, str | float]]
    limits: Any
    front: list[dict[str, Any]]
    structures: Any
    file: Path
    figures: Files


class ParametersAnswer(Common):
    """What may be set."""

    parameters: list[Entry]


class PlanAnswer(Common):
    """Plans that were tried, and which is recommended (`advice`, at its `damping`)."""

    points: list[PlanPoint]
    devices: list[Member]
    advice: dict[str, Any]
    channels: NotRequired[list[dict[str, Any]]]
    feeds: list[dict[str, Any]]
    figures: Files


class QuantiseAnswer(Checked):
    """Weights out of few levels."""

    options: dict[str, Any]
    points: list[dict[str, Any]]
    rms_start: float
    accuracy_start: float | None
    software: float | None
    images: int
    files: Files
    figures: Files


class Stale(TypedDict):
    """A result that no longer holds."""

    what: str
    why: str
    again: str


class ReportAnswer(Common):
    """The verdict."""

    state: Literal["pass", "fail", "open", "none"]
    headline: str
    verdict: list[Judged]
    stale: list[Stale]
    file: Path


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


class ShareAnswer(Checked):
    """Shared tuning currents, over spreads."""

    results: list[dict[str, Any]]
    figures: Files


class SneakAnswer(Checked):
    """Weight error by cause; layouts have more keys than buses."""

    layer: str
    feed: Literal["bus", "stripline"]
    program: str
    causes: list[dict[str, Any]]
    arrangement: NotRequired[str]
    chains: NotRequired[list[int]]
    neighbours: NotRequired[int]
    pairs: NotRequired[Any]
    whole: NotRequired[dict[str, Any] | None]
    figures: NotRequired[Files]


class SparamsChannel(TypedDict):
    """A channel of a chain."""

    channel_hz: float
    resonance_hz: float
    s21_db: float
    s11_db: float


class SparamsAnswer(Common):
    """S-parameters of a block."""

    name: str
    engine: str
    layer: str
    program: str
    block: str
    bus: str | None
    chain: int
    bias: float
    ports: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    channels: list[SparamsChannel]
    touchstone: Files
    figures: Files
    notes: list[str]
    compare: NotRequired[dict[str, Any]]
    metrics: NotRequired[dict[str, Any]]


class Line(TypedDict):
    """One thing that a folder holds or could hold."""

    what: str
    state: str
    why: str


class StatusAnswer(Common):
    """What a design folder holds."""

    folder: Path
    decks: list[Line]
    weights: list[Line]
    codes: list[Line]
    sweeps: list[Line]
    runs: list[Line]


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


ANSWERS: dict[str, type] = {
    name.removesuffix("Answer").lower(): kind for name, kind in list(globals().items()) if name.endswith("Answer")
}
RECORDS: dict[str, type] = {"transient": TransientResult}  # whose fields stand in an answer beside its keys
VERSIONS = {command: version_of(command) for command in ANSWERS}
