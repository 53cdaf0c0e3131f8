"""What a solution of a crossbar leaves open: Ohm's law of every piece of wire, and the power balance."""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Bools
from resonet.models.circuit.crossbar import CrossbarArray

__all__ = ["BALANCE", "Currents", "check_network", "check_outputs", "open_part", "probe"]

BALANCE = 1e-9  # of the drivers' power, and of the largest of their voltages


@dataclass(frozen=True, slots=True, eq=False)
class Currents:
    """Voltages (V) and currents (A) of a crossbar, [..., inputs] for each input vector."""

    word_voltage: Array  # [rows, columns, inputs]
    bit_voltage: Array  # [rows, columns, inputs]
    device: Array  # [rows, columns, inputs]
    word: Array  # [rows, columns + 1, inputs]: segment before each cell, and the one to a second driver
    bit: Array  # [rows, columns, inputs]: segment after each cell
    output: Array  # [columns, inputs]: into the sense amplifiers


def open_part(found: Currents, voltages: Array, array: CrossbarArray, driven: Bools, sensed: Bools) -> float:
    """What a solution leaves open; currents into a node add up by construction. voltages [rows, inputs] V.

    The largest of: voltage along any wire, driver or amplifier less what its current makes, of the largest input;
    current into lines that are open, of the largest; power of the drivers less what is dissipated, of the former.
    """
    w, b, v = found.word_voltage, found.bit_voltage, np.asarray(voltages, float)
    rw, rb = array.word_resistance, array.bit_resistance
    near, last = rw + array.driver_resistance, rb + array.sense_resistance
    far = -found.word[:, -1]
    parts = [
        np.diff(w, axis=1) + rw * found.word[:, 1:-1],
        np.diff(b, axis=0) + rb * found.bit[:-1],
        (v - w[:, 0] - near * found.word[:, 0])[driven],
        (b[-1] - last * found.output)[sensed],
    ]
    if array.drive == "both":
        parts.append((v - w[:, -1] - near * far)[driven])
    given = (v * found.word[:, 0]).sum(0) + (v * far).sum(0)
    lost = (found.device * (w - b)).sum((0, 1)) + rw * (found.word[:, 1:-1] ** 2).sum((0, 1))
    lost = lost + rb * (found.bit[:-1] ** 2).sum((0, 1)) + near * (found.word[:, 0] ** 2 + far**2).sum(0)
    lost = lost + last * (found.output**2).sum(0)
    scale, power = np.abs(v).max(), np.abs(given - lost) / np.maximum(np.abs(v * found.word[:, 0]).sum(0), 1e-300)
    largest = max(float(np.abs(part).max(initial=0)) for part in parts) / (scale or 1.0)
    loose = max(np.abs(found.word[~driven, 0]).max(initial=0), np.abs(found.output[~sensed]).max(initial=0))
    return max(largest, float(loose) / (float(np.abs(found.device).max()) or 1.0), float(power.max(initial=0)))


def check_network(found: Currents, voltages: Array, array: CrossbarArray, driven: Bools, sensed: Bools) -> None:
    """Raise EngineError where a solution leaves more than `BALANCE` open."""
    left = open_part(found, voltages, array, driven, sensed)
    if not left <= BALANCE:
        raise EngineError(
            f"crossbar of {' x '.join(map(str, found.device.shape[:2]))} cells: its solution leaves {left:.1e} of the "
            f"drivers' voltage or power open, allowed {BALANCE:g}"
        )


def probe(rows: int) -> Array:
    """One input vector that looks alike from no two lines, [rows] V."""
    return np.asarray(0.5 + np.modf(np.arange(1, rows + 1) * 0.6180339887498949)[0] / 2)


def check_outputs(found: Array, known: Array) -> None:
    """Raise EngineError where output currents [columns] of two ways to solve an array differ by more than `BALANCE`."""
    off = float(np.abs(found - known).max() / (np.abs(known).max() or 1.0))
    if not off <= BALANCE:
        raise EngineError(
            f"crossbar with {len(found)} bit lines: reduced row by row and solved as a whole, its outputs are "
            f"{off:.1e} of the largest apart, allowed {BALANCE:g}; neither is believed"
        )
