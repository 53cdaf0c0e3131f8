from .decks import write_deck as write_deck
from .design import Design as Design
from .design import compile_cnn as compile_cnn
from .feed_options import FeedOptions as FeedOptions
from .folder import (
    load_design as load_design,
)
from .folder import (
    write_calibrated as write_calibrated,
)
from .folder import (
    write_design as write_design,
)
from .folder import (
    write_fitted as write_fitted,
)
from .limits import Limits as Limits
from .neuron_options import NeuronOptions as NeuronOptions
from .noise_options import NoiseOptions as NoiseOptions
from .parameters import Parameters as Parameters
from .parameters import read_parameters as read_parameters
