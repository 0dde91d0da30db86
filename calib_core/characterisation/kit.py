"""What a characterisation in a file of its own is written with, in one import."""

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.family import Family, declare, named, with_defaults
from calib_core.characterisation.inputs import Arrangement, Given, Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, TableOutput
from calib_core.characterisation.presets import Preset
from calib_core.characterisation.train_selection import TrainSelection
from calib_core.characterisation.unit import Accumulator, Block, Context, Maps, Unit
from calib_core.constants.constant import ConstantKind
from calib_core.params import knob

__all__ = [
    "Accumulator", "Arrangement", "Array", "At", "Axis", "Block", "ConstantKind", "ConstantOutput", "Context",
    "Family", "Given", "Input", "Maps", "Method", "Preset", "Result", "TableOutput", "TrainSelection", "Unit",
    "declare", "knob", "named", "with_defaults",
]
