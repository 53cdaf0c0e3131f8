from .file import read_onnx as read_onnx
from .frameworks import from_keras as from_keras
from .frameworks import from_torch as from_torch
from .neurons import (
    activation_function as activation_function,
)
from .neurons import (
    with_activations as with_activations,
)
from .read import read_cnn as read_cnn
