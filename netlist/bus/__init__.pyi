from .deck import (
    dc_deck as dc_deck,
)
from .deck import (
    dc_gain_decks as dc_gain_decks,
)
from .deck import (
    rf_deck as rf_deck,
)
from .deck import (
    sparam_deck as sparam_deck,
)
from .deck import (
    transient_deck as transient_deck,
)
from .graph import (
    HardwareGraph as HardwareGraph,
)
from .graph import (
    build_graph as build_graph,
)
from .graph import (
    bus_chains as bus_chains,
)
from .graph import (
    dc_stacks as dc_stacks,
)
from .graph import (
    write_graphml as write_graphml,
)
