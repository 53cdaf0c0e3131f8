from .in_process import in_process_ngspice as in_process_ngspice
from .kept_step import check_kept_step as check_kept_step
from .kept_step import hann_mean as hann_mean
from .program import engine_identity as engine_identity
from .raw import Plot as Plot
from .raw import read_raw as read_raw
from .run import (
    EngineError as EngineError,
)
from .run import (
    find_ngspice as find_ngspice,
)
from .run import (
    ngspice_version as ngspice_version,
)
from .run import (
    run_deck as run_deck,
)
from .run import (
    run_decks as run_decks,
)
