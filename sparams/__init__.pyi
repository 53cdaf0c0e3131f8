from .extract import extract as extract
from .extract import mixed_mode as mixed_mode
from .measured import fit_part as fit_part
from .sheet import layer_sheet as layer_sheet
from .touchstone import read_touchstone as read_touchstone
from .touchstone import write_touchstone as write_touchstone
from .window import design_block as design_block
