"""Answers of the commands that design, look, export and help, as types (answers.py)."""

from pathlib import Path
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # of which pydantic makes schemas on Python 3.11 too

from resonet.cli.answers_common import Checked, Common, Files
from resonet.cli.commands.parameters import Entry
from resonet.cli.device_sheet import Row as DeviceRow
from resonet.cli.doctor import Finding
from resonet.cosim.calibration.planner import PlanPoint
from resonet.cosim.weights.summary import ScaledNeurons
from resonet.cosim.weights.witness import Witness
from resonet.models.resonator.family import Member
from resonet.netlist.design.tidy import Removed
from resonet.report.page.verdict import Judged

__all__ = [
    "CalibrateAnswer",
    "CleanAnswer",
    "CompareAnswer",
    "CompileAnswer",
    "DecksAnswer",
    "DemoAnswer",
    "DeviceAnswer",
    "DoctorAnswer",
    "LayoutAnswer",
    "OperateAnswer",
    "ParametersAnswer",
    "PlanAnswer",
    "QuantiseAnswer",
    "ReportAnswer",
    "ShareAnswer",
    "SparamsAnswer",
    "StatusAnswer",
]


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


class DecksAnswer(Common):
    """Decks that were written; with --list, those that there are."""

    folder: NotRequired[Path]
    program: NotRequired[str]
    dialect: NotRequired[str]
    decks: list[Any]
    written: NotRequired[Files]


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


class LayoutAnswer(Common):
    """Strip-line layouts."""

    geometry: dict[str, float | int | str]
    layouts: list[dict[str, Any]]
    figures: Files


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


class ShareAnswer(Checked):
    """Shared tuning currents, over spreads."""

    results: list[dict[str, Any]]
    figures: Files


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
