from .netlist import compile_cnn as compile_cnn
from .netlist import from_keras as from_keras
from .netlist import from_torch as from_torch
from .netlist import read_cnn as read_cnn
