from .bus import (
    BiasTee as BiasTee,
)
from .bus import (
    CombinerArm as CombinerArm,
)
from .bus import (
    CombinerOut as CombinerOut,
)
from .bus import (
    Readout as Readout,
)
from .bus import (
    Resonator as Resonator,
)
from .bus import (
    ResonatorDc as ResonatorDc,
)
from .bus import (
    TonePort as TonePort,
)
from .registry import devices as devices
from .strip import (
    StripResonator as StripResonator,
)
from .strip import (
    StripResonatorRf as StripResonatorRf,
)
from .strip import (
    StripSegment as StripSegment,
)
from .strip import (
    TuningSegment as TuningSegment,
)
