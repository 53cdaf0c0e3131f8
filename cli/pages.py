"""Figures of a design folder: S-parameters of a chain, weights, crosstalk, accuracy; PNG and SVG under report/."""

from collections.abc import Mapping
from pathlib import Path

from resonet.cli.sparam_page import BlockPage, Options, block_page
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.report.figures import (
    accuracy_figure,
    crosstalk_figure,
    overview_figure,
    weight_figure,
)
from resonet.report.style import save

__all__ = ["accuracy_page", "chain_page", "overview_page", "weights_page"]


def chain_page(design: Design, folder: Path, layer: str, method: Method, bias: float = 0.0) -> BlockPage:
    """Simulate a chain without and with DC bias in ngspice; write decks, Touchstone files and the figure."""
    return block_page(design, folder, Options(layer, method, bias=bias, engine="ngspice"))


def weights_page(folder: Path, effective: Mapping[Method, Mapping[str, RfWeights]]) -> list[Path]:
    """Trained vs effective weights, and the crosstalk matrices of the last program given."""
    figures = save(weight_figure(effective), folder / "report", "weights")
    return figures + save(crosstalk_figure(list(effective.values())[-1]), folder / "report", "crosstalk")


def accuracy_page(folder: Path, shares: Mapping[str, float], images: int) -> list[Path]:
    """Accuracy bars."""
    return save(accuracy_figure(shares, images), folder / "report", "accuracy")


def overview_page(
    folder: Path,
    effective: Mapping[Method, Mapping[str, RfWeights]],
    shares: Mapping[str, float],
    images: int,
    chain: BlockPage,
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
