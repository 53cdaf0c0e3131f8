"""Figures of a design folder: S-parameters of a chain, weights, crosstalk, accuracy; PNG and SVG under report/."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonet.core.types import Array
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.netlist.design.design import Design
from resonet.netlist.design.folder import write_deck
from resonet.netlist.programming.methods import Method
from resonet.report.figures import (
    accuracy_figure,
    crosstalk_figure,
    overview_figure,
    sparam_figure,
    weight_figure,
)
from resonet.report.style import save
from resonet.sparams.chain import chain_deck, chain_sparams, find_bus, resonances
from resonet.sparams.touchstone import provenance, write_touchstone

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["ChainPage", "accuracy_page", "chain_page", "overview_page", "weights_page"]


@dataclass(frozen=True, slots=True, eq=False)
class ChainPage:
    """S-parameters of one chain and what was written of them."""

    network: "Network"
    unbiased: "Network"
    channels: Array  # Hz
    resonances: Array  # Hz
    bias: float  # A
    touchstone: list[Path]
    figures: list[Path]
    notes: list[str]


def _dense_enough(sweep: tuple[float, float, int] | None, quality: float, bias: float) -> tuple[Any, list[str]]:
    """The sweep with at least four points in a linewidth where a bias makes the resonances visible."""
    least = math.ceil(4 * quality * math.log(10)) + 1
    if not bias or sweep is None or sweep[2] >= least:
        return sweep, []
    return (sweep[0], sweep[1], least), [f"{least} frequencies per decade, not {sweep[2]}: four in every linewidth"]


def chain_page(
    design: Design,
    folder: Path,
    layer: str,
    method: Method,
    chain: int = 0,
    bus: str | None = None,
    bias: float = 0.0,
    sweep: tuple[float, float, int] | None = None,
) -> ChainPage:
    """Simulate a chain without and with DC bias; write decks, Touchstone files and the figure."""
    networks, touchstone = [], []
    sweep, notes = _dense_enough(sweep, design.plan.device.quality, bias)
    decks = [chain_deck(design, layer, method, chain, bus, current, sweep) for current in dict.fromkeys((0.0, bias))]
    for deck in decks:
        write_deck(deck, folder / "decks" / method)
        network = chain_sparams(deck, design.plan.circuit.impedance)
        network.name = f"{deck.name}_{method}"
        networks.append(network)
        header = [*provenance(network, "ngspice .sp", deck.text), "port 1: RF bus, port 2: far end of the chain"]
        path = folder / "results" / f"{network.name}.s2p"
        touchstone.append(write_touchstone(network, path, header=header))
    channels = find_bus(design, layer, bus).frequencies
    resonant = resonances(design, layer, method, chain, bus)
    unbiased, network = networks[0], networks[-1]
    drawn = sparam_figure(network, channels, resonant, unbiased if bias else None, bias)
    figures = save(drawn, folder / "report", f"sparams_{network.name}")
    return ChainPage(network, unbiased, channels, resonant, bias, touchstone, figures, notes)


def weights_page(folder: Path, effective: Mapping[Method, Mapping[str, EffectiveWeights]]) -> list[Path]:
    """Trained vs effective weights, and the crosstalk matrices of the last program given."""
    figures = save(weight_figure(effective), folder / "report", "weights")
    return figures + save(crosstalk_figure(list(effective.values())[-1]), folder / "report", "crosstalk")


def accuracy_page(folder: Path, shares: Mapping[str, float], images: int) -> list[Path]:
    """Accuracy bars."""
    return save(accuracy_figure(shares, images), folder / "report", "accuracy")


def overview_page(
    folder: Path,
    effective: Mapping[Method, Mapping[str, EffectiveWeights]],
    shares: Mapping[str, float],
    images: int,
    chain: ChainPage,
) -> list[Path]:
    """Every figure of the demo, and all of them on one page."""
    networks = (chain.unbiased, chain.network)
    page = overview_figure(effective, shares, images, networks, chain.channels, chain.resonances, chain.bias)
    return [
        *save(page, folder / "report", "overview"),
        *weights_page(folder, effective),
        *accuracy_page(folder, shares, images),
        *chain.figures,
    ]
