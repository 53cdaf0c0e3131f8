"""Noise of whole networks: Johnson noise against ngspice, cascade against sequential hardware, accuracy with noise."""

import numpy as np
from _show import show

from resonet.core.types import Array
from resonet.cosim.ngspice.run import run_deck
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.noise import chain_noise
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.bus.deck import chain_lines, tee_parameters
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, numbers

__all__ = ["claims", "ngspice_noise"]

KELVIN = 273.15


def ngspice_noise(
    f_res: Array, device: SpinDiode, circuit: BusCircuit, temperature: float, sweep: tuple[int, float, float]
) -> tuple[Array, Array]:
    """Frequencies of `.noise` (points a decade, from, to) and its density at the DC output of a chain, V²/Hz."""
    name, d = "chain_noise", NGSPICE
    lines = d.write_head(name, "noise of a chain at its DC output", "../lib", ("resonator", "bias_tee", "readout"))
    lines.append(f".options temp={temperature - KELVIN:.12g} tnom={temperature - KELVIN:.12g}")
    lines.append(d.format_element("rsource", ("bus", "0"), f"{circuit.impedance:.12g}"))
    lines.append(d.format_instance("xbt0", ("bus", "dc", "h0_0"), "bias_tee", tee_parameters(circuit)))
    lines.append(chain_lines(0, f_res, "0", device, circuit))
    lines.append(d.format_instance("xro0", ("dc",), "readout", numbers(12, rin=circuit.readout_resistance)))
    lines.append(d.format_source("itest", "0", "dc", dc="0", ac="1"))
    command = d.format_noise("v(dc)", "itest", "dec", *sweep)
    # The first of two plots holds the spectra; the last one, integrated, is the current one after the run.
    runs = d.write_control([command, "setplot previous", d.format_write(name, ["onoise_spectrum"])])
    plot = run_deck(Deck(name, "\n".join(lines + runs)))[0]
    return plot.axis, plot.columns(["onoise_spectrum"])[:, 0].real ** 2


def claims(quick: bool) -> None:
    """Print all claims."""
    device, circuit = SpinDiode(), BusCircuit()
    f_res = np.geomspace(2e9, 8e9, 48)
    f, found = ngspice_noise(f_res, device, circuit, 350.0, (10, 1e3, 1e11))
    ours = chain_noise(f, np.full(48, device.resistance), circuit, 350.0, 350.0).total
    off = float(np.abs(ours / found - 1).max())
    show("Johnson noise of a chain of 48, 1 kHz ... 100 GHz, off ngspice", f"{off:.1e}", "<= 1e-5", off <= 1e-5)
