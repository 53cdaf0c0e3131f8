"""Device parameters from measurements, with their uncertainties: rectification curves and one-port S-parameters.

**Rectification** (fidelity 1, exact susceptibility chi of `resonator`, one tone, small power):

    V/P = -4 α K_SD Re(chi e^{-jψ}) + V0 = -4 α K_SD (Re chi cos ψ + Im chi sin ψ) + V0                       (1)

ψ in (-π/2, π/2], the sign in K_SD: ψ = 0 is the dispersive line (positive above the resonance for K_SD > 0), ±π/2 the
absorptive one. It is `psi` of `auto_oscillator`, `macrospin.linear_map` and, near the resonance, `resonator_full`.

**One port** of a resonator under a DC current I, which the linearised circuit shows as

    Z = R_c + jωL + 1 / (jωC + 1/(R + D chi)),      D = I k                                                    (2)

with R the junction's resistance at that bias (R0 + D in fidelity 1, where the DC current displaces the precession by
I). R_c is given, not fitted: at microwave frequencies it cannot be told from R. ψ = 0.

Both are least squares by lmfit. (1) is linear in its three amplitudes, and so is (2) once L and C are known: the start
comes from a scan of f0 and α alone, so no start value has to be guessed. Without given errors the noise is taken from
the residuals. A curve is refused if the resonance does not improve χ² far beyond chance, lies
outside the data, or holds too few points to have a width.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.fit.least_squares import Basis, Solved, real_rows, scan, solve
from resonet.models.fit.measured import Curve, read_curve, read_one_port
from resonet.models.fit.residuals import GAIN, INSIDE, Second, warn_of_structure
from resonet.models.fit.starts import best_fit, element_starts
from resonet.models.resonator.linear import SpinDiode, susceptibility

__all__ = ["DeviceFit", "Estimate", "fit_device", "fit_rectification", "fit_touchstone", "one_port", "rectification"]


IMPROVEMENT = GAIN  # least gain in χ², in units of the noise: e^-15 of chance, against some 1e4 places to look
RESOLVED = INSIDE  # least points within one full width on either side of the resonance
SUFFIXES = ".csv, .tsv, .txt (rectification), .s1p (S11 under bias)"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One fitted value."""

    value: float
    error: float  # standard error
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class DeviceFit:
    """What a measurement says about a device."""

    kind: str  # "rectification" or "one-port"
    file: str
    estimates: dict[str, Estimate]  # f0, damping, ...
    correlation: Array  # [n, n], in the order of the estimates
    reduced_chi_square: float  # about 1 where the errors were given, else the noise power
    r_squared: float  # 1 - residual power / power about the model without resonance
    rms: float  # of the residuals, in the unit of the data
    frequency: Array  # Hz
    measured: NDArray[Any]  # V/W, or S11
    fitted: NDArray[Any]
    notes: tuple[str, ...] = ()  # how the file was read

    def __getitem__(self, name: str) -> float:
        return self.estimates[name].value

    @property
    def quality(self) -> float:
        """Q = 1 / (2 α)."""
        return 1 / (2 * self["damping"])

    def spin_diode(self, base: SpinDiode | None = None, current: float | None = None) -> SpinDiode:
        """`base` with the fitted damping, and the threshold current that gives the fitted |K_SD|.

        From one port: with the fitted R, and K_SD = |D / (4 α R I)|, for which the DC current I (A) must be known.
        """
        base = base or SpinDiode()
        damping, ohm = self["damping"], base.resistance
        if self.kind == "one-port":
            if not current:
                raise InputError(f"{self.file}: the bias current is needed to tell k from I k")
            ohm = self["resistance"]
            sensitivity = abs(self["bias_swing"] / (4 * damping * ohm * current))
        else:
            sensitivity = abs(self["sensitivity"])
        threshold = base.magnetoresistance * math.tan(base.torque_angle) / (8 * math.sqrt(2) * sensitivity)
        return SpinDiode(damping, ohm, base.magnetoresistance, threshold, base.torque_angle)


def rectification(
    f: ArrayLike, f0: float, damping: float, sensitivity: float, psi: float = 0.0, background: float = 0.0
) -> Array:
    """V/P in V/W by eq. 1, of the shape of f."""
    chi = susceptibility(f, f0, damping)
    return np.asarray(-4 * damping * sensitivity * (chi * np.exp(-1j * psi)).real + background)


def one_port(
    f: ArrayLike,
    f0: float,
    damping: float,
    bias_swing: float,
    resistance: float,
    inductance: float = 0.0,
    capacitance: float = 0.0,
    contact: float = 0.0,
) -> Complex:
    """Impedance in Ohm by eq. 2, of the shape of f."""
    jw = 2j * np.pi * np.asarray(f, float)
    junction = resistance + bias_swing * susceptibility(f, f0, damping)
    return np.asarray(contact + jw * inductance + 1 / (jw * capacitance + 1 / junction))


def _usable(f: Array, signal: NDArray[Any], error: Array | None, what: str, least: int) -> None:
    """Raise InputError if the data cannot be fitted at all."""
    if f.ndim != 1 or f.shape != signal.shape or (error is not None and error.shape != f.shape):
        raise InputError(f"{what}: shapes {f.shape} and {signal.shape}; possible: one value per frequency")
    finite = np.isfinite(f) & np.isfinite(signal) & (True if error is None else np.isfinite(error))
    if not finite.all():
        raise InputError(f"{what}: {int((~finite).sum())} of {len(f)} points are not finite (first: {finite.argmin()})")
    if len(f) < least or len(np.unique(f)) < least:
        raise InputError(f"{what}: {len(np.unique(f))} frequencies; possible: {least} or more")
    if f.min() <= 0:
        raise InputError(f"{what}: frequencies must be positive")
    if error is not None and not np.all(error > 0):
        raise InputError(f"{what}: errors must be positive")


def _resonance_or_refuse(f: Array, solved: Solved, without: float, what: str) -> None:
    """Raise InputError if what was found is no resonance; `without` is χ² of the model that has none."""
    left = float(np.sum(solved.residual**2))
    f0, damping = solved.values["f0"], solved.values["damping"]
    noise = left / solved.free
    if without - left < IMPROVEMENT * noise or not math.isfinite(left):
        raise InputError(f"{what}: no resonance stands out of the noise; possible: more points, less noise")
    if not f.min() <= f0 <= f.max() or not 0 < damping < 0.5:
        raise InputError(
            f"{what}: no resonance between {f.min():g} and {f.max():g} Hz (the best fit is f0 = {f0:g} Hz, damping "
            f"{damping:.3g}); possible: a sweep across the resonance"
        )
    inside = int(np.sum(np.abs(f - f0) <= 2 * damping * f0))
    if inside < RESOLVED:
        raise InputError(
            f"{what}: {inside} points within a full width, {2 * damping * f0:.3g} Hz, of {f0:.6g} Hz; possible: "
            f"{RESOLVED} or more"
        )


def _second(f: Array, data: NDArray[Any], basis: Basis, weight: Array, first: float) -> Second:
    """The best resonance in what a fit left, `data`, of about the damping of the `first`: 1/4 to 4 times."""
    f0, damping, amplitudes = scan(f, data, basis, weight, np.geomspace(first / 4, min(4 * first, 0.3), 13))
    left = weight * (data - basis(f, f0, damping) @ amplitudes)
    gain = float(np.sum(np.abs(weight * data) ** 2) - np.sum(np.abs(left) ** 2))
    return Second(f0, gain, int(np.sum(np.abs(f - f0) <= 2 * damping * f0)))


def _result(
    kind: str,
    file: str,
    data: tuple[Array, NDArray[Any], NDArray[Any]],
    solved: Solved,
    without: float,
    units: Mapping[str, str],
    notes: tuple[str, ...] = (),
) -> DeviceFit:
    f, measured, fitted = data
    root = np.sqrt(np.diag(solved.covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(np.outer(root, root) > 0, solved.covariance / np.outer(root, root), np.eye(len(root)))
    left = float(np.sum(solved.residual**2))
    return DeviceFit(
        kind,
        file,
        {name: Estimate(value, float(solved.errors[name]), units[name]) for name, value in solved.values.items()},
        np.asarray(correlation),
        left / solved.free,
        1 - left / without if without > 0 else 1.0,
        float(np.sqrt(np.mean(np.abs(measured - fitted) ** 2))),
        f,
        measured,
        fitted,
        notes,
    )


def fit_rectification(
    data: Path | Curve | tuple[ArrayLike, ArrayLike],
    power: float | None = None,
    background: bool = True,
    mix: bool = True,
) -> DeviceFit:
    """f0, damping, sensitivity (V/W), psi (rad) and background (V/W) by eq. 1, with errors and correlations.

    `data` is a CSV file, a `Curve`, or frequencies (Hz) and voltages per watt (V/W), or volts if `power` (W) is given.
    Without `background` or `mix` that parameter is 0. Three points a full width are enough. Raises InputError.
    """
    file = str(data) if isinstance(data, Path) else "data"
    if isinstance(data, Path):
        curve = read_curve(data, power)
    elif isinstance(data, Curve):
        curve = data
    else:
        pair = np.asarray(data[0], float), np.asarray(data[1], float) / (1.0 if power is None else power)
        _usable(pair[0], pair[1], None, file, 1)
        order = np.argsort(pair[0], kind="stable")
        curve = Curve(pair[0][order], pair[1][order])
    f, signal, error = curve.frequency, curve.sensitivity, curve.error
    amplitudes = 1 + mix + background
    _usable(f, signal, error, file, 2 + amplitudes + 2)
    peak = float(np.ptp(signal))
    if peak <= 1e-12 * float(np.abs(signal).max()):
        raise InputError(f"{file}: no resonance: the voltage is the same at all frequencies")
    weight = np.full(len(f), 1 / peak) if error is None else 1 / error
    offset = float(np.average(signal, weights=weight**2)) if background else 0.0
    without = float(np.sum((weight * (signal - offset)) ** 2))

    def basis(at: Array, f0: float, damping: float) -> Array:
        chi = 4 * damping * susceptibility(at, f0, damping)
        columns = [-chi.real] + [-chi.imag] * mix + [np.ones(len(at))] * background
        return np.stack(columns, 1)

    f0, damping, first = scan(f, signal, basis, weight)
    start = {"f0": f0, "damping": damping, "sensitivity": float(np.hypot(first[0], first[1]) if mix else first[0])}
    if mix:
        start["psi"] = float(np.arctan2(first[1], first[0]))
    if background:
        start["background"] = float(first[-1])
    scale = {"f0": f0, "damping": damping, "sensitivity": peak, "psi": 1.0, "background": peak}
    solved = solve(lambda v: np.asarray(weight * (rectification(f, **v) - signal)), start, scale, error is None, file)
    solved = _principal(solved) if mix else solved
    _resonance_or_refuse(f, solved, without, file)
    units = {"f0": "Hz", "damping": "", "sensitivity": "V/W", "psi": "rad", "background": "V/W"}
    model = rectification(f, **solved.values)
    found = _result("rectification", file, (f, signal, model), solved, without, units, curve.notes)
    second = _second(f, signal - model, basis, weight, found["damping"])
    warn_of_structure(file, [solved.residual], solved.free, without, found.r_squared, second, error is not None)
    return found


def _principal(solved: Solved) -> Solved:
    """The same with ψ in (-π/2, π/2] and the sign in the sensitivity."""
    psi = solved.values["psi"]
    turns = math.ceil(psi / math.pi - 0.5)  # half turns to take away
    sign = -1.0 if turns % 2 else 1.0
    values = solved.values | {"psi": psi - turns * math.pi, "sensitivity": sign * solved.values["sensitivity"]}
    flip = np.array([sign if name == "sensitivity" else 1.0 for name in values])
    return Solved(values, solved.errors, solved.covariance * np.outer(flip, flip), solved.residual, solved.free)


def fit_touchstone(path: Path, contact: float = 0.0, parasitics: bool = True) -> DeviceFit:
    """f0, damping, bias_swing (I k, Ohm), resistance, inductance and capacitance of a biased resonator, by eq. 2.

    One port, S11. `contact` is the known series resistance R_c, Ohm; without `parasitics` L and C are 0. The noise is
    taken as white in S11. Raises InputError.
    """
    f, s11, z0 = read_one_port(path)
    return _fit_one_port(f, s11, z0, contact, parasitics, str(path))


def _reflection(z: Complex, z0: float) -> Complex:
    return np.asarray((z - z0) / (z + z0))


def _slope(f: Array, values: Mapping[str, float], contact: float, z0: float) -> Complex:
    """dS11 / dZ of the junction, 1/Ohm: 2 z0 / (Z + z0)² of the outside, (Z' / Z_j)² of the capacitance across it."""
    own = {name: values[name] for name in ("f0", "damping", "bias_swing", "resistance")}
    junction = one_port(f, **own)
    across = one_port(f, **own, capacitance=values.get("capacitance", 0.0))
    z = one_port(f, **values, contact=contact)
    return np.asarray(2 * z0 / (z + z0) ** 2 * (across / junction) ** 2)


def _fit_one_port(f: Array, s11: Complex, z0: float, contact: float, parasitics: bool, file: str) -> DeviceFit:
    _usable(f, s11, None, file, 8 if parasitics else 6)
    if np.any(np.abs(s11 - 1) < 1e-12):
        raise InputError(f"{file}: an open circuit (S11 = 1); possible: S11 of a resonator")
    ohm = float(np.median((z0 * (1 + s11) / (1 - s11)).real)) - contact
    if not ohm > 0:
        raise InputError(
            f"{file}: a resistance of {ohm:g} Ohm behind the contact's {contact:g}; possible: a passive device"
        )
    w = 2 * np.pi * float(f.mean())
    scale = {"resistance": ohm, "inductance": ohm / w, "capacitance": 1 / (w * ohm), "bias_swing": ohm}
    bare: dict[str, float] = {"resistance": ohm}
    if parasitics:
        bare |= {"inductance": 0.0, "capacitance": 0.0}

    def model(v: Mapping[str, float]) -> Complex:
        full = {"f0": 1.0, "damping": 0.1, "bias_swing": 0.0} | dict(v)
        return _reflection(one_port(f, **full, contact=contact), z0)

    def residual(v: Mapping[str, float]) -> Array:
        return real_rows(model(v) - s11)

    flat = solve(residual, bare, scale, True, file)
    jw = 2j * np.pi * f

    def basis(at: Array, f0: float, damping: float) -> Complex:
        ones = np.ones(len(at), complex)
        columns = [ones, susceptibility(at, f0, damping)]
        # what is left of L and C looks like jω at first order, real ω² at second
        return np.stack(columns + [1j * at / f.mean(), ones * (at / f.mean()) ** 2] * parasitics, 1)

    def from_elements(elements: Mapping[str, float]) -> Solved:
        # the junction alone, and how much S11 moves with it: 2 z0 / (z + z0)² of the outside, ((z - ..)/Z_j)² of the C
        outside = z0 * (1 + s11) / (1 - s11) - contact - jw * elements.get("inductance", 0.0)
        junction = 1 / (1 / outside - jw * elements.get("capacitance", 0.0))
        weight = np.abs(2 * z0 / (outside + contact + z0) ** 2 * (outside / junction) ** 2)
        f0, damping, first = scan(f, junction, basis, weight)
        start = {"f0": f0, "damping": damping, "bias_swing": float(first[1])} | dict(elements)
        sizes = scale | {"f0": f0, "damping": damping, "bias_swing": abs(float(first[1])) or 1.0}
        return solve(residual, start, sizes, True, file)

    starts = [flat.values, *(element_starts(f, s11, z0, contact, residual, scale) if parasitics else ())]
    solved = best_fit(s11, starts, from_elements)
    without = float(np.sum(flat.residual**2))
    _resonance_or_refuse(f, solved, without, file)
    units = {"f0": "Hz", "damping": "", "bias_swing": "Ohm", "resistance": "Ohm", "inductance": "H", "capacitance": "F"}
    found = _result("one-port", file, (f, s11, model(solved.values)), solved, without, units)
    slope = _slope(f, solved.values, contact, z0)
    second = _second(f, (s11 - model(solved.values)) / slope, basis, np.abs(slope), found["damping"])
    warn_of_structure(file, np.split(solved.residual, 2), solved.free, without, found.r_squared, second, False)
    return found


def fit_device(path: Path, power: float | None = None) -> DeviceFit:
    """Fit what a file holds, by its suffix: rectification (.csv, .tsv, .txt) or S11 under bias (.s1p)."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return fit_rectification(path, power)
    if suffix == ".s1p":
        return fit_touchstone(path)
    raise InputError(f"{path}: measurements with the suffix {suffix!r}; possible: {SUFFIXES}")
