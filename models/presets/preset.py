"""Presets: devices from the literature, one TOML file each in models/presets, every value with its source.

A preset is also a design file: `resonet compile --preset NAME`, or `--design FILE` with a changed copy. Its tables:
[device] of `SpinDiode`; [auto_oscillator] and [macrospin] of those records, where what [auto_oscillator] leaves out
follows from [device]; [plan] for the frequency plan; [range] with what devices of the kind span; [source], by table or
by table.parameter, which says whether a value is quoted, typical or estimated; [preset] with title and note.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from resonet.core.errors import InputError
from resonet.core.parameters import parameter, parse, record_from_table
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.macrospin import Macrospin

__all__ = ["OTHER_RECORDS", "OTHER_TABLES", "Preset", "list_presets", "load_preset", "preset_tables"]

OTHER_RECORDS = {"auto_oscillator": AutoOscillator, "macrospin": Macrospin}
OTHER_TABLES = ("preset", "range", "source", "auto_oscillator", "macrospin")  # of a preset, beside those of a design


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Units of [range]."""

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency")
    quality: float = parameter(50.0, "", 1.0, 1e6, "quality factor")
    sensitivity: float = parameter(1.0, "V/W", 1e-9, 1e9, "largest rectified voltage per watt, K_SD")
    threshold_current: float = parameter(1e-5, "A", 1e-9, 10.0, "threshold current")


@dataclass(frozen=True, slots=True)
class Preset:
    """One device from the literature at up to three fidelities."""

    name: str
    title: str
    note: str
    device: SpinDiode  # fidelity 1
    auto_oscillator: AutoOscillator  # fidelity 2; holds the resonance frequency
    macrospin: Macrospin | None  # fidelity 3, where it makes sense
    ranges: dict[str, tuple[float, float]]  # of f0, quality, sensitivity, threshold_current
    sources: dict[str, str]  # by table or table.parameter

    @property
    def values(self) -> dict[str, float]:
        """What `ranges` bounds: f0 (Hz), quality, sensitivity K_SD (V/W), threshold_current (A)."""
        device = self.device
        return {
            "f0": self.auto_oscillator.f0,
            "quality": device.quality,
            "sensitivity": device.sensitivity,
            "threshold_current": device.threshold_current,
        }

    def source(self, table: str, name: str) -> str:
        """Where a value comes from."""
        return self.sources.get(f"{table}.{name}", self.sources.get(table, ""))


def list_presets() -> list[str]:
    """Names of the presets."""
    found = files(__package__).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in found if entry.name.endswith(".toml"))


def preset_tables(name: str) -> dict[str, Any]:
    """Tables of a preset's file. Raises InputError that lists the presets."""
    if name not in list_presets():
        raise InputError(f"preset {name[:60]!r}: possible: {', '.join(list_presets())}")
    text = (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def load_preset(name: str) -> Preset:
    """A preset by name. Raises InputError that lists the presets."""
    tables = preset_tables(name)
    device = record_from_table(SpinDiode, tables["device"], "device")
    known = {spec.name: spec for spec in fields(AutoOscillator)}
    given = tables["auto_oscillator"]
    own = {key: parse(value, known[key], "auto_oscillator") for key, value in given.items()}
    derived = AutoOscillator.from_spin_diode(device, own["f0"])
    bounds = {spec.name: spec for spec in fields(_Ranges)}
    ranges = {
        key: (float(parse(low, bounds[key], "range")), float(parse(high, bounds[key], "range")))
        for key, (low, high) in tables["range"].items()
    }
    macrospin = record_from_table(Macrospin, tables["macrospin"], "macrospin") if "macrospin" in tables else None
    about = tables["preset"]
    title, note = about["title"], " ".join(about["note"].split())
    return Preset(name, title, note, device, replace(derived, **own), macrospin, ranges, tables["source"])
