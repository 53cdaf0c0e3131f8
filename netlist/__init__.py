"""Trained CNN -> hardware graph -> SPICE decks. No simulator is run here."""

from resonet.netlist.design import compile_cnn, read_parameters
from resonet.netlist.folder import load_design, write_deck, write_design
from resonet.netlist.frequency_plan import plan
from resonet.netlist.graph import build_graph
from resonet.netlist.images import read_images
from resonet.netlist.onnx_read import read_cnn
from resonet.netlist.programming import program

__all__ = [
    "build_graph",
    "compile_cnn",
    "load_design",
    "plan",
    "program",
    "read_cnn",
    "read_images",
    "read_parameters",
    "write_deck",
    "write_design",
]
