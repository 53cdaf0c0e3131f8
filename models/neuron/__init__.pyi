from .electronics import (
    Amplifier as Amplifier,
)
from .electronics import (
    DiodeMaximum as DiodeMaximum,
)
from .electronics import (
    NeuronSupply as NeuronSupply,
)
from .electronics import (
    Transconductor as Transconductor,
)
from .oscillator import (
    IdealRelu as IdealRelu,
)
from .oscillator import (
    ThreeTerminalOscillator as ThreeTerminalOscillator,
)
from .oscillator import (
    TwoTerminalOscillator as TwoTerminalOscillator,
)
from .oscillator_noise import (
    amplitude_density as amplitude_density,
)
from .oscillator_noise import (
    linewidth as linewidth,
)
from .starting_oscillator import (
    StartingRelu as StartingRelu,
)
from .starting_oscillator import (
    StartingThreeTerminal as StartingThreeTerminal,
)
from .starting_oscillator import (
    StartingTwoTerminal as StartingTwoTerminal,
)
