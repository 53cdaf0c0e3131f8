"""Neurons of straight pieces, as the commands show them."""

from typing import TYPE_CHECKING, Any

from resonet.cli.show import percent, print_table

if TYPE_CHECKING:
    from resonet.netlist.design.design import Design

__all__ = ["fitted", "show_fitted"]


def fitted(design: "Design") -> list[dict[str, Any]]:
    """Layers whose neurons are of straight pieces: how many, and how far they are off the trained activation.

    Errors are parts of the range of outputs; 0 where the activation itself is of straight pieces.
    """
    from resonet.netlist.network.cnn import inner_layers

    found = []
    for layer in inner_layers(design.cnn):
        neuron = design.neuron(layer.name)
        if neuron.curve is not None or neuron.error is not None:
            off = (neuron.error.largest, neuron.error.rms) if neuron.error else (0.0, 0.0)
            pieces = {"pieces": neuron.curve.pieces if neuron.curve else 1, "error_max": off[0], "error_rms": off[1]}
            found.append({"layer": layer.name, "activation": str(layer.activation)} | pieces)
    return found


def show_fitted(design: "Design") -> None:
    """A table of them, if there are any."""
    rows = [
        (
            row["layer"],
            row["activation"],
            str(row["pieces"]),
            percent(row["error_max"], 3),
            percent(row["error_rms"], 3),
        )
        for row in fitted(design)
    ]
    if rows:
        columns = {"layer": "left", "activation": "left"} | dict.fromkeys(("pieces", "largest error", "rms"), "right")
        print_table("neurons of straight pieces, parts of their range of outputs", columns, rows)
