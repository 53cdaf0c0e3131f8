"""The strip-line circuit in ngspice: the RF pass, all lines of a circuit in one deck."""

from collections.abc import Sequence

import numpy as np

from resonet.core.types import Array, Complex, Ints
from resonet.cosim.ngspice.run import EngineError, run_deck
from resonet.cosim.strip.direct import linear_phasors
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.deck import strip_rf_deck

__all__ = ["AGREEMENT", "ngspice_phasors", "ngspice_plays"]

AGREEMENT = 1e-6  # of the largest phasor of a line


def ngspice_plays(
    circuit: StripCircuit, plays: Sequence[tuple[float, Ints]], f_res: Array, device: SpinDiode
) -> tuple[Complex, Complex]:
    """Junction currents and precessions, A/√W, [plays, resonators], by `.ac`; plays as of `strip_rf_deck`.

    Raises EngineError.
    """
    plots = run_deck(strip_rf_deck(circuit, plays, f_res, device), timeout=1800)
    if len(plots) != len(plays):
        raise EngineError(f"ngspice wrote {len(plots)} of {len(plays)} plays")
    count = len(circuit.head)
    names = [f"v(u{n})" for n in range(count)] + [f"v(x{n})" for n in range(count)]
    out = np.empty((2, len(plays), count), complex)
    for number, ((f, _), plot) in enumerate(zip(plays, plots, strict=True)):
        if abs(plot.axis[0] - f) > 1e-9 * f:
            raise EngineError(f"ngspice at {plot.axis[0]:g} Hz, asked for {f:g} Hz")
        out[:, number] = plot.columns(names)[0].reshape(2, count)
    return out[0], out[1]


def ngspice_phasors(
    circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, f_res: Array, device: SpinDiode
) -> tuple[Complex, Complex]:
    """Junction currents and precessions of each line at its tone, A/√W, [lines, resonators].

    Arguments as of `linear_phasors`; f_res [resonators] in Hz. Raises EngineError, also where that says otherwise.
    """
    order = np.argsort(tones, kind="stable")
    plays = [(float(frequencies[tones[n]]), lines[n : n + 1]) for n in order]
    phasors = np.empty((2, len(lines), len(circuit.head)), complex)
    phasors[:, order] = ngspice_plays(circuit, plays, f_res, device)
    known = linear_phasors(circuit, lines, tones, frequencies, device)
    chi = susceptibility(frequencies[tones][:, None], f_res, device.damping)
    _check(circuit.placement.usage.layer, lines, phasors, (known, chi * known))
    return phasors[0], phasors[1]


def _check(layer: str, lines: Ints, phasors: Complex, known: tuple[Complex, Complex]) -> None:
    """Raise EngineError where phasors are off those of the linear engine, phases included."""
    for kind, theirs, ours in zip(("current", "precession"), phasors, known, strict=True):
        largest = np.abs(ours).max(1)
        off = np.abs(theirs - ours).max(1) / np.where(largest > 0, largest, 1)
        line = int(off.argmax())
        if not off[line] <= AGREEMENT:
            at = int(np.abs(theirs[line] - ours[line]).argmax())
            raise EngineError(
                f"layer {layer}, line {lines[line]}: {kind} of resonator {at}, A/sqrt(W): ngspice says "
                f"{theirs[line, at]:.7g}, the linear engine {ours[line, at]:.7g}, {off[line]:.1e} of the largest "
                f"apart, allowed {AGREEMENT:g}; neither is believed"
            )
