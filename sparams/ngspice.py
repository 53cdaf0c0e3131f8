"""S-parameters of a block by ngspice, the reference engine."""

import numpy as np

from resonet.core.types import Array, Complex
from resonet.cosim.ngspice.raw import Plot, RawError
from resonet.cosim.ngspice.run import EngineError, run_deck
from resonet.netlist.spice.deck import Deck
from resonet.sparams.block import Block
from resonet.sparams.deck import block_deck

__all__ = ["ngspice_s", "read_block"]


def _joined(plots: list[Plot], names: list[str], f: Array, deck: Deck) -> Complex:
    """Columns of consecutive sweeps, [frequencies, names], checked against the frequencies asked for."""
    try:
        swept = np.concatenate([plot.axis for plot in plots])
        found = np.concatenate([plot.columns(names) for plot in plots])
    except (RawError, ValueError) as error:
        raise EngineError(f"ngspice on {deck.name}: no S-parameters ({error})") from None
    if swept.shape != f.shape or not np.allclose(swept, f, rtol=1e-9, atol=0):
        raise EngineError(f"ngspice on {deck.name}: swept {len(swept)} points that are not the {len(f)} asked for")
    return np.asarray(found)


def read_block(block: Block, deck: Deck, plots: list[Plot], f: Array) -> Complex:
    """S [frequencies, ports, ports] out of the plots of a `block_deck`."""
    n = len(block.ports)
    if deck.name.endswith("_sp"):
        names = [f"v(s_{i}_{j})" for i in range(1, n + 1) for j in range(1, n + 1)]
        return _joined(plots, names, f, deck).reshape(-1, n, n)
    names = [f"v(n{port.node})" for port in block.ports]
    runs, rest = divmod(len(plots), n)
    if rest or not runs:
        raise EngineError(f"ngspice on {deck.name}: {len(plots)} sweeps for {n} ports")
    columns = [_joined(plots[k * runs : (k + 1) * runs], names, f, deck) for k in range(n)]
    root = np.sqrt([port.impedance for port in block.ports])
    return np.asarray(np.stack(columns, axis=2) / root[:, None] - np.eye(n))


def ngspice_s(block: Block, f: Array, method: str | None = None, timeout: float = 1800.0) -> Complex:
    """S-parameters of a block, [frequencies, ports, ports]; method "sp", "ac" or by the number of ports.

    f in Hz, rising. Raises EngineError, InputError.
    """
    deck = block_deck(block, f, method)
    return read_block(block, deck, run_deck(deck, timeout), f)
