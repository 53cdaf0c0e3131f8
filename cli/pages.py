"""Figures of a design folder: S-parameters of a chain, weights, crosstalk, accuracy; PNG and SVG under report/."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resonet.cli.sparam_page import BlockPage, block_page
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.report.figures import (
    Tones,
    accuracy_figure,
    crosstalk_figure,
    overview_figure,
    weight_figure,
)
from resonet.report.style import save
from resonet.sparams.request import Options

__all__ = ["accuracy_page", "chain_page", "overview_page", "weights_page"]


def chain_page(design: Design, folder: Path, layer: str, method: Method, bias: float = 0.0) -> BlockPage:
    """Simulate a chain without and with DC bias in ngspice; write decks, Touchstone files and the figure."""
    return block_page(design, folder, Options(layer, method, bias=bias, engine="ngspice"))


def _tones(design: Design) -> Tones:
    """Frequencies of the tones of every bus, in the order of its resonators."""
    layers = design.fed_by("bus")
    return {name: {bus.name: np.asarray(bus.frequencies) for bus in design.plan.layer(name).buses} for name in layers}


def weights_page(folder: Path, effective: Mapping[Method, Mapping[str, RfWeights]], design: Design) -> list[Path]:
    """Errors of the effective weights, and the crosstalk matrices of the last program given."""
    figures = save(weight_figure(effective), folder / "report", "weights")
    return figures + save(
        crosstalk_figure(list(effective.values())[-1], _tones(design)), folder / "report", "crosstalk"
    )


def accuracy_page(folder: Path, shares: Mapping[str, float], images: int) -> list[Path]:
    """Bars of the accuracy that the circuit loses."""
    return save(accuracy_figure(shares, images), folder / "report", "accuracy")


def overview_page(
    folder: Path,
    effective: Mapping[Method, Mapping[str, RfWeights]],
    shares: Mapping[str, float],
    images: int,
    chain: BlockPage,
    design: Design,
) -> list[Path]:
    """Every figure of the demo, and all of them on one page."""
    own = chain.solved
    networks = (own.unbiased, own.network)
    page = overview_figure(effective, shares, images, networks, own.channels, own.resonances, own.bias, _tones(design))
    return [
        *save(page, folder / "report", "overview"),
        *weights_page(folder, effective, design),
        *accuracy_page(folder, shares, images),
        *chain.figures,
    ]
