from .weights import chip_engine as chip_engine
from .weights import chip_network as chip_network
from .weights import chip_weights as chip_weights
from .weights import deck_engine as deck_engine
