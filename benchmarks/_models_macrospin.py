"""Macrospin (fidelity 3) against cmtj and ngspice: resonance, linewidth, sign of the diode line, norm, compression.

cmtj integrates the same equation in C++ with its own constants (its γ0 is 0.18 % below CODATA); it gets the same fields
in A/m. Resonance and linewidth come from free decays of 1 degree, the norm drift from 100 ns of driven precession
started at 0.1 rad, in the bare schemes: numpy never projects, ngspice runs with pull = 0.
"""

import math
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from scipy.interpolate import CubicSpline

from resonet.core.types import Array
from resonet.cosim.ngspice.run import run_deck
from resonet.models.presets.preset import list_presets, load_preset
from resonet.models.resonator.macrospin import MU0, Macrospin, terms
from resonet.models.resonator.macrospin_linear import linear_map, linearise
from resonet.models.resonator.macrospin_time import (
    compression,
    integrate,
    linear_power,
    rectified_by_integration,
    ring_down,
)
from resonet.netlist.spice.deck import Deck

DEVICE = Macrospin()
IN_PLANE = Macrospin(kp=4e5, nx=0.02, ny=0.05, nz=0.93, hx=3e4, hz=0.0, px=0.6, py=0.0, pz=0.8)
OFFSETS = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])  # linewidths


def tilted(device: Macrospin, angle: float) -> Array:
    """Unit vector [3] at an angle (rad) from the equilibrium."""
    lin = linearise(device)
    return np.asarray(lin.m0 * math.cos(angle) + lin.frame[0] * math.sin(angle))


def numpy_ring(device: Macrospin) -> tuple[float, float]:
    """Resonance and linewidth, Hz, of a free decay in numpy."""
    step, every = 2e-12, 10
    _, m = integrate(terms(device), tilted(device, 0.0175)[:, None], step, 4000, every=every)
    lin = linearise(device)
    return ring_down(step * every, (m[:, :, 0] - lin.m0) @ lin.frame[1])


def ngspice_run(
    device: Macrospin, start: Array, dt: float, stop: float, current: float = 0.0, line: float = 0.0, f: float = 5e9
) -> tuple[Array, Array, Array]:
    """Times [n], m [n, 3] and junction voltage [n] of the subcircuit under cosine currents; fixed step, no pull."""
    values = " ".join(f"{spec.name}={getattr(device, spec.name)!r}" for spec in fields(device))
    x, y, z = (float(v) for v in start)
    text = f"""* macrospin transient
.include "../lib/macrospin.lib"
ij 0 p dc 0 sin(0 {current!r} {f!r} 0 0 90)
il 0 l dc 0 sin(0 {line!r} {f!r} 0 0 90)
xm p 0 l 0 mx my mz macrospin {values}
.ic v(mx)={x!r} v(my)={y!r} v(mz)={z!r}
.options reltol=1e-9 vntol=1e-13 abstol=1e-15 trtol=1e6
.save v(mx) v(my) v(mz) v(p)
.control
set filetype=binary
tran {dt!r} {stop!r} 0 {dt!r} uic
write macrospin.raw
quit
.endc
.end
"""
    plot = run_deck(Deck("macrospin", text), timeout=200)[0]
    data = plot.columns(["v(mx)", "v(my)", "v(mz)", "v(p)"])
    return plot.axis, data[:, :3], data[:, 3]


def ngspice_ring(device: Macrospin) -> tuple[float, float]:
    """Resonance and linewidth, Hz, of a free decay in ngspice."""
    time, m, _ = ngspice_run(device, tilted(device, 0.0175), 1e-12, 8e-9)
    lin, grid = linearise(device), np.arange(0.1e-9, 7.9e-9, 20e-12)
    return ring_down(20e-12, CubicSpline(time, (m - lin.m0) @ lin.frame[1])(grid))


def cmtj_run(
    device: Macrospin, start: Array, stop: float, every: float, current: float = 0.0, f: float = 5e9, dc: float = 0.0
) -> tuple[Array, Array]:
    """Times [n] and m [n, 3] by cmtj (RK4, 1 ps) for a device without ku and lam; junction current dc + cosine."""
    import cmtj
    from cmtj.utils.constants import Constants

    constant, mu0 = cmtj.ScalarDriver.getConstantDriver, Constants.mu0()
    demag = [cmtj.CVector(device.nx, 0, 0), cmtj.CVector(0, device.ny, 0), cmtj.CVector(0, 0, device.nz)]
    free_layer = cmtj.Layer(
        id="free",
        mag=cmtj.CVector(*(float(v) for v in start)),
        anis=cmtj.CVector(0, 0, 1),
        Ms=device.msat * mu0,  # T; the demagnetising field in A/m is then ours whatever its μ0
        thickness=device.thick,
        cellSurface=device.area,
        demagTensor=demag,
        damping=device.alpha,
    )
    free_layer.setReferenceLayer(cmtj.CVector(device.px, device.py, device.pz))
    if current or dc:
        # Its static fields Hdl, Hfl in A/m: the same m × (m × p) and m × p terms as ours, signs checked in the tests.
        field = float(terms(device).torque[0])
        wave = cmtj.ScalarDriver.getSineDriver
        free_layer.setDampingLikeTorqueDriver(wave(field * dc, field * current, f, math.pi / 2))
        free_layer.setFieldLikeTorqueDriver(wave(field * dc * device.flr, field * current * device.flr, f, math.pi / 2))
    junction = cmtj.Junction([free_layer], device.rp, device.rap)
    junction.setLayerAnisotropyDriver("free", constant(device.kp * mu0 / MU0))
    junction.setLayerExternalFieldDriver(
        "free", cmtj.AxialDriver(constant(device.hx), constant(device.hy), constant(device.hz))
    )
    junction.runSimulation(stop, 1e-12, every)
    log = junction.getLog()
    # Its log carries the time before the step and m after it (seen on free decays): one step late.
    return np.array(log["time"]) + 1e-12, np.array([log["free_mx"], log["free_my"], log["free_mz"]]).T


def cmtj_ring(device: Macrospin) -> tuple[float, float]:
    """Resonance and linewidth, Hz, of a free decay in cmtj."""
    lin = linearise(device)
    _, m = cmtj_run(device, tilted(device, 0.0175), 8e-9, 20e-12)
    return ring_down(20e-12, (m[2:] - lin.m0) @ lin.frame[1])


def cmtj_diode(device: Macrospin, offsets: Array, power: float) -> Array:
    """Rectified voltage per watt, V/W, by cmtj at offsets (linewidths) from its own resonance."""
    lin = linearise(device)
    f_res, width = cmtj_ring(device)
    current, half = math.sqrt(2 * power / lin.r0), (device.rap - device.rp) / 2
    voltages = []
    for f in f_res + width * offsets:
        time, m = cmtj_run(device, lin.m0, 60e-9, 5e-12, current, f)
        first = len(time) - round(20 / f / 5e-12)  # about 20 periods; the window below removes what is not whole
        part = m[first:] @ np.array([device.px, device.py, device.pz])
        i = current * np.cos(2 * np.pi * f * time[first:])
        window = np.hanning(len(i))
        voltages.append(float(window @ (-half * part * i) / window.sum()) / power)
    return np.array(voltages)


def norm_drift(m: Array) -> float:
    """Largest departure of |m| from 1, m [..., 3]."""
    return float(np.abs(np.linalg.norm(m, axis=-1) - 1).max())


def numpy_drift(time: float = 100e-9, current: float = 10e-6) -> float:
    """Norm drift of numpy over `time`, driven at 5 GHz."""

    def junction(t: Array) -> Array:
        return current * np.cos(2 * np.pi * 5e9 * t)

    _, m = integrate(terms(DEVICE), tilted(DEVICE, 0.1)[:, None], 5e-12, round(time / 5e-12), junction)
    return norm_drift(m[:, :, 0])


def ngspice_drift(time: float = 100e-9, current: float = 10e-6) -> float:
    """Norm drift of ngspice over `time`, driven at 5 GHz, pull = 0."""
    return norm_drift(ngspice_run(DEVICE, tilted(DEVICE, 0.1), 0.5e-12, time, current)[1])


def lines() -> Iterator[tuple[str, str, str, bool]]:
    """(what, figure, bar, holds), recomputed."""
    f_ref, width_ref = cmtj_ring(DEVICE)
    for engine, (f, width) in (("numpy", numpy_ring(DEVICE)), ("ngspice", ngspice_ring(DEVICE))):
        error = abs(f / f_ref - 1)
        yield f"macrospin resonance, {engine} vs cmtj", f"{error:.2%}", "<= 0.5 %", bool(error <= 0.005)
        error = abs(width / width_ref - 1)
        yield f"macrospin linewidth, {engine} vs cmtj", f"{error:.2%}", "<= 5 %", bool(error <= 0.05)
    plain = Macrospin(lam=0.0)  # cmtj has no torque asymmetry
    theirs = cmtj_diode(plain, OFFSETS, 1e-9)
    lin = linearise(plain)
    ours = rectified_by_integration(lin.f_res + lin.linewidth * OFFSETS, plain, 1e-9) / 1e-9
    same = bool(np.all(np.sign(ours) == np.sign(theirs)))
    apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    figure = f"{int(np.sum(np.sign(ours) == np.sign(theirs)))} of {len(ours)} detunings, {apart:.1%} of the peak apart"
    yield "macrospin diode line, sign as in cmtj", figure, "all", same
    for engine, drift in (("numpy", numpy_drift()), ("ngspice", ngspice_drift())):
        yield f"macrospin |m| drift over 100 ns, {engine}", f"{drift:.1e}", "< 1e-6", drift < 1e-6


def notes() -> Iterator[tuple[str, str]]:
    """Compression of the default device and of the presets that are macrospins, and the RF power that follows."""
    line = linear_map(DEVICE)
    figure = f"{line.f_res / 1e9:.3f} GHz, alpha_eff {line.damping:.4f}, K_SD {line.sensitivity:.0f} V/W"
    yield "macrospin defaults", f"{figure}, psi {line.psi:.2f} rad"
    presets = {f"preset {name}": load_preset(name).macrospin for name in list_presets()}
    for name, device in {"default macrospin": DEVICE, **presets}.items():
        if device is not None:
            points = compression(device)
            powers = (points.one_percent, points.one_db, linear_power(device))
            text = ", ".join(f"{watts * 1e9:.0f} nW" for watts in powers)
            yield f"{name}, fidelity 3: 1 %, 1 dB, recommended P_max", text


if __name__ == "__main__":
    for what, figure, bar, holds in lines():
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {figure} (bar {bar})")
    for what, figure in notes():
        print(f"     {what}: {figure}")
