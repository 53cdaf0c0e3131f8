"""What `resonet sparams` computes and writes: blocks, plots, sweeps, comparison, data sheet."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.types import Array
from resonet.netlist.design.decks import write_deck
from resonet.netlist.design.design import Design
from resonet.sparams.block import Block
from resonet.sparams.build import Stand
from resonet.sparams.deck import block_deck
from resonet.sparams.request import Options, SolvedBlock, file_digest, solve_block

if TYPE_CHECKING:
    from skrf import Network

    from resonet.sparams.sheet import LayerSheet

__all__ = ["BlockPage", "block_page", "compare_page", "plot_page", "readable", "sheet_json"]

UNITS = {
    **dict.fromkeys(("frequency", "wanted", "centre", "bandwidth"), "Hz"),
    **dict.fromkeys(("insertion_loss", "return_loss", "isolation", "rejection", "depth"), "dB"),
    **{"group_delay": "s", "loaded_q": "", "unloaded_q": ""},
}


@dataclass(frozen=True, slots=True, eq=False)
class BlockPage:
    """A block's S-parameters and what was written of them."""

    solved: SolvedBlock
    touchstone: list[Path]
    figures: list[Path]
    notes: list[str]


def _written(
    block: Block, network: "Network", of: SolvedBlock, options: Options, folder: Path, notes: list[str]
) -> Path:
    """Touchstone file of a network, and ngspice's deck."""
    from resonet.sparams.touchstone import MOST_FILE, fit_for_file, provenance, write_touchstone

    deck = block_deck(block, of.f[[0, -1]])  # the netlist that the file came from, without its sweep
    if of.engine == "ngspice":
        write_deck(block_deck(block, of.f), folder / "decks" / options.method)
    version, ending = ("2.0", "ts") if options.touchstone == "2" else ("1.0", f"s{network.nports}p")
    path = folder / "results" / f"{network.name}.{ending}"
    header = provenance(network, of.engine, deck.text)
    header += [f"measured {kind}: {file.name[:60]}, sha256 {file_digest(file)}" for kind, file in options.parts]
    most = sys.maxsize if options.all_points else MOST_FILE
    held, digits, told = fit_for_file(network, version, most)  # type: ignore[arg-type]
    if told:
        header.append(told)
        notes.append(f"{path.name}: {told} (--all-points: all, {network.s.size * 46 / 1e6:.0f} MB)")
    return write_touchstone(held, path, version, header, digits)  # type: ignore[arg-type]


def block_page(
    design: Design,
    folder: Path,
    options: Options,
    stand: Stand | None = None,
    sweep: tuple[float | None, float | None, int] = (None, None, 1000),
) -> BlockPage:
    """S-parameters of a block, as `solve_block`; writes its deck and its Touchstone file.

    A chain comes with the figure of what the bias changes.
    """
    from resonet.report.figures import sparam_figure
    from resonet.report.style import save

    solved = solve_block(design, options, stand, sweep)
    notes, written = list(solved.notes), []
    if solved.silent is not None:
        written.append(_written(solved.silent, solved.unbiased, solved, options, folder, notes))
    written.append(_written(solved.block, solved.network, solved, options, folder, notes))
    if not len(solved.resonances):
        return BlockPage(solved, written, [], notes)
    silent = solved.unbiased if options.bias else None
    drawn = sparam_figure(solved.network, solved.channels, solved.resonances, silent, options.bias)
    return BlockPage(solved, written, save(drawn, folder / "report", f"sparams_{solved.network.name}"), notes)


def plot_page(network: "Network", channels: Array, kinds: tuple[str, ...], folder: Path) -> list[Path]:
    """Figures of a network by kind, channels marked. Raises InputError."""
    from resonet.report.sparam_figures import PLOTS
    from resonet.report.style import save

    paths = []
    for kind in dict.fromkeys(kinds):
        paths += save(PLOTS[kind](network, np.sort(channels)), folder / "report", f"sparams_{network.name}_{kind}")
    return paths


def readable(file: Path) -> "Network":
    """A Touchstone file, read before anything is computed. Raises InputError."""
    from resonet.sparams.touchstone import read_touchstone

    return read_touchstone(file)


def compare_page(
    network: "Network", measured: "Network", file: Path, folder: Path
) -> tuple[dict[str, Any], list[Path]]:
    """The network against a measured one: differences and the overlay."""
    from resonet.report.sparam_figures import compare_figure
    from resonet.report.style import save
    from resonet.sparams.compare import compare_networks

    found = compare_networks(network, measured)
    drawn = compare_figure(found.simulated, found.measured)
    n = network.nports
    entries = [
        {
            "entry": f"S{i + 1}{j + 1}" if n < 10 else f"S{i + 1},{j + 1}",
            "rms": float(found.rms[i, j]),
            "largest": float(found.largest[i, j]),
            "at_hz": float(found.where[i, j]),
            "largest_db": float(found.largest_db[i, j]),
        }
        for i in range(n)
        for j in range(n)
    ]
    entries = sorted(entries, key=lambda row: -float(row["largest"]))[:36]  # type: ignore[arg-type]
    files = save(drawn, folder / "report", f"sparams_{network.name}_compare")
    points = len(found.simulated.f)
    sampling = found.sampling if np.isfinite(found.sampling) else None
    rows = {"file": file, "frequencies": points, "rms": found.total_rms, "sampling_error": sampling}
    return rows | {"entries": entries}, files


def sheet_json(sheet: "LayerSheet") -> dict[str, Any]:
    """A data sheet for scripts, with the unit of every number; nan becomes null."""

    def plain(values: Array) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in values]

    return {
        "layer": sheet.layer,
        "bus": sheet.bus,
        "passed": sheet.passed,
        "units": UNITS,
        "channels": {key: plain(value) for key, value in asdict(sheet.channels).items()},
        "resonances": {key: plain(value) for key, value in asdict(sheet.resonances).items()},
        "isolation": plain(sheet.isolation),
        "rejection": plain(sheet.rejection),
        "limits": [asdict(verdict) for verdict in sheet.verdicts],
    }
