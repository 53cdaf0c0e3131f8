"""Which devices there are, their parameters, and where each value comes from."""

import math
from collections.abc import Iterable
from dataclasses import Field, asdict, dataclass, fields, replace
from typing import Any

from resonet.core.errors import InputError
from resonet.core.parameters import parameter, parse
from resonet.models.device.registry import devices
from resonet.models.fit.fit import DeviceFit
from resonet.models.presets.preset import Preset, list_presets, load_preset
from resonet.models.resonator.auto_oscillator import THEORY, AutoOscillator
from resonet.models.resonator.linear import SpinDiode

__all__ = ["Row", "TunedDiode", "device_kinds", "device_record", "fitted_record", "parameter_rows", "preset_values"]


@dataclass(frozen=True, slots=True)
class TunedDiode(SpinDiode):
    """The linear resonator (fidelity 1) at one resonance frequency, and what fidelity 2 adds to it."""

    f0: float = parameter(5e9, "Hz", 1e3, 1e13, "resonance frequency", "inside the band of 1-20 GHz")
    psi: float = parameter(0.0, "rad", -math.pi, math.pi, "mix angle: 0 dispersive, pi/2 absorptive", "as published")
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping (fidelity 2)", THEORY)
    nshift: float = parameter(0.0, "Hz", -1e13, 1e13, "frequency shift per unit of p (fidelity 2)", "0 = isochronous")

    def auto_oscillator(self) -> AutoOscillator:
        """The same with its nonlinearity."""
        return replace(AutoOscillator.from_spin_diode(self, self.f0, self.qnl, self.nshift), psi=self.psi)


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter, for people."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    doc: str
    source: str


def device_kinds() -> dict[str, type[Any]]:
    """Record of every device by its SPICE name, the linear resonator with what fidelity 2 adds."""
    return devices() | {"resonator": TunedDiode}


def preset_values(name: str, kind: type[Any], preset: Preset) -> tuple[dict[str, Any], dict[str, str]]:
    """What a preset says of a device: values by parameter, and their sources."""
    device, oscillator = preset.device, preset.auto_oscillator
    if name == "resonator":
        values = asdict(device)
        sources = {key: preset.source("device", key) for key in values}
        more = {key: getattr(oscillator, key) for key in ("f0", "psi", "qnl", "nshift")}
        return values | more, sources | {key: preset.source("auto_oscillator", key) for key in more}
    if name == "auto_oscillator":
        values = asdict(oscillator)
        return values, {key: preset.source("auto_oscillator", key) or "follows from [device]" for key in values}
    if name == "macrospin" and preset.macrospin is not None:
        values = asdict(preset.macrospin)
        return values, {key: preset.source("macrospin", key) for key in values}
    if name.startswith(("oscillator_", "neuron_")):
        # name there -> (table, name) in the preset
        same = {
            "f0": ("auto_oscillator", "f0"),
            "nshift": ("auto_oscillator", "nshift"),
            "qnl": ("auto_oscillator", "qnl"),
            "ith": ("device", "threshold_current"),
            "iread": ("device", "threshold_current"),
            "r0": ("device", "resistance"),
            "rline": ("device", "resistance"),
            "rin": ("device", "resistance"),
            "mr": ("device", "magnetoresistance"),
        }
        tables = {"device": device, "auto_oscillator": oscillator}
        known = {spec.name for spec in fields(kind)} & set(same)
        values = {key: getattr(tables[same[key][0]], same[key][1]) for key in known}
        sources = {key: preset.source(*same[key]) for key in known}
        if name.startswith("neuron_"):
            values["gamma0"], sources["gamma0"] = oscillator.gamma0, "follows from [device] and f0"
        return values, sources
    having = ", ".join(p for p in list_presets() if load_preset(p).macrospin is not None)
    raise InputError(
        f"preset {preset.name} says nothing of {name}; possible: resonator, auto_oscillator, oscillator_two_terminal, "
        "oscillator_three_terminal, oscillator_relu, the same with start-up (neuron_two_terminal, ...), "
        f"and macrospin with {having}"
    )


def _setting(text: str, name: str, known: dict[str, "Field[Any]"]) -> tuple[str, float]:
    """One "name=value"."""
    key, equals, value = text.partition("=")
    key = key.strip().removeprefix(f"{name}.")
    if not equals or key not in known:
        raise InputError(f"{name}: setting {text[:80]!r}; possible: NAME=VALUE, NAME {', '.join(known)}")
    return key, parse(value.strip(), known[key], name)


def device_record(name: str, preset: str | None, settings: Iterable[str]) -> tuple[Any, dict[str, str]]:
    """Record of a device: defaults, then a preset, then settings; and the sources of what is not a default."""
    kinds = device_kinds()
    if name not in kinds:
        raise InputError(f"device {name[:60]!r}: possible: {', '.join(kinds)}")
    kind = kinds[name]
    values, sources = preset_values(name, kind, load_preset(preset)) if preset else ({}, {})
    known = {spec.name: spec for spec in fields(kind) if "low" in spec.metadata}
    for text in settings:
        key, value = _setting(text, name, known)
        values[key], sources[key] = value, "set"
    return kind(**values), sources


def fitted_record(record: Any, fit: DeviceFit, current: float | None) -> tuple[Any, dict[str, str]]:
    """The record with what a measurement says; only for a resonator."""
    if not isinstance(record, TunedDiode):
        raise InputError("a measurement is fitted by the resonator; possible: resonet device resonator --fit FILE")
    said = f"fitted to {fit.file}"
    values: dict[str, Any] = {"f0": fit["f0"], "damping": fit["damping"]}
    if fit.kind == "rectification" or current:
        device = fit.spin_diode(record, current)
        values |= {"resistance": device.resistance, "threshold_current": device.threshold_current}
        # K_SD of a SpinDiode is positive: a negative one is half a turn of the mix angle
        swing = -fit["bias_swing"] / (current or 1) if fit.kind == "one-port" else fit["sensitivity"]
        psi = fit.estimates["psi"].value if "psi" in fit.estimates else 0.0
        values["psi"] = psi if swing > 0 else psi - math.copysign(math.pi, psi)
    else:
        values["resistance"] = fit["resistance"]
    sources = {key: said for key, value in values.items() if value != getattr(record, key)}
    if "threshold_current" in sources:
        sources["threshold_current"] = f"gives the K_SD {said}"
    return replace(record, **values), sources


def parameter_rows(record: Any, sources: dict[str, str]) -> list[Row]:
    """All parameters of a record."""
    return [
        Row(
            spec.name,
            getattr(record, spec.name),
            spec.metadata["unit"],
            spec.metadata["low"],
            spec.metadata["high"],
            spec.metadata["doc"],
            sources.get(spec.name) or spec.metadata.get("source", ""),
        )
        for spec in fields(record)
        if "low" in spec.metadata
    ]
