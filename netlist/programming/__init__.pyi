from .dac import Quantised as Quantised
from .dac import quantise as quantise
from .fitted import Fitted as Fitted
from .methods import (
    LayerProgram as LayerProgram,
)
from .methods import (
    Method as Method,
)
from .methods import (
    Program as Program,
)
from .methods import (
    program as program,
)
from .methods import (
    programs as programs,
)
from .remedy import remedies as remedies
from .sharing import Shared as Shared
from .sharing import share_conv as share_conv
from .sharing import solve_shared as solve_shared
