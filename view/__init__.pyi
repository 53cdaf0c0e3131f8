from .chain import ChainState as ChainState
from .chain import Chosen as Chosen
from .chain import chain_state as chain_state
from .chain import choose as choose
from .change import Change as Change
from .change import changed_state as changed_state
from .server import serve as serve
