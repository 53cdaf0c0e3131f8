from .deck import Deck as Deck
from .deck import control_lines as control_lines
from .deck import title_lines as title_lines
from .prewarp import TankStep as TankStep
from .prewarp import played as played
from .pyspice import to_pyspice as to_pyspice
from .sweep import Sweep as Sweep
from .sweep import channel_sweeps as channel_sweeps
