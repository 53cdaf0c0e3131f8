from .bus import build_graph as build_graph
from .design import (
    Design as Design,
)
from .design import (
    compile_cnn as compile_cnn,
)
from .design import (
    load_design as load_design,
)
from .design import (
    read_parameters as read_parameters,
)
from .design import (
    write_deck as write_deck,
)
from .design import (
    write_design as write_design,
)
from .network import from_keras as from_keras
from .network import from_torch as from_torch
from .network import read_cnn as read_cnn
from .network import read_images as read_images
from .planning import plan as plan
from .programming import program as program
