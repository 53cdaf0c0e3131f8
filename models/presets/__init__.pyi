from .preset import (
    Preset as Preset,
)
from .preset import (
    list_presets as list_presets,
)
from .preset import (
    load_preset as load_preset,
)
from .preset import (
    preset_tables as preset_tables,
)
