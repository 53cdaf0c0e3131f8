from . import report as report
from .api import accuracy as accuracy
from .api import calibrate as calibrate
from .api import compile as compile
from .api import crosstalk as crosstalk
from .api import effective_weights as effective_weights
from .api import levels as levels
from .api import load as load
from .api import montecarlo as montecarlo
from .api import sparameters as sparameters
from .api import sweep as sweep
from .api import write_report as write_report
from .core.errors import EngineError as EngineError
from .core.errors import InputError as InputError
from .netlist import Design as Design
from .netlist import compile_cnn as compile_cnn
from .netlist import from_keras as from_keras
from .netlist import from_torch as from_torch
from .netlist import read_cnn as read_cnn

__version__: str
