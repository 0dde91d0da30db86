"""A characterisation of constants: how far the offset of each pixel lies from the median of its module."""

import numpy as np

from calib_core.characterisation.kit import *
from calib_core.constants.constant import OFFSET


class Kept(Accumulator):
    def __init__(self):
        self.blocks = {}

    def update(self, name, chunk):
        self.blocks[chunk.index] = chunk.values[OFFSET.name][0]

    def merge(self, other):
        self.blocks.update(other.blocks)


class Flatness(Method):
    """Distance of each pixel's offset from the median of its module, and its spread over the pixels."""

    command, title = "FLATNESS", "Flatness of offsets"
    scale: float = knob(1.0, ge=0.1, le=10, help="Factor on the distance")

    def inputs(self, kind):
        return (Input("dark", "dark constants", of="constants", kinds=(OFFSET,)),)

    def results(self, kind):
        return (Result("distance", "Distance", "ADU", "f4", "Offset less the median of the module", over=("cell",)),
                Result("spread", "Spread", "ADU", "f8", "Standard deviation", over=("cell",), pixels=False))

    def outputs(self, kind):
        return (TableOutput("spread"),)

    def begin(self, context, unit, index, previous):
        return Kept()

    def reduce(self, context, unit, accumulator):
        far = {i: self.scale * (values - np.nanmedian(values)) for i, values in accumulator.blocks.items()}
        yield from (({"cell": i}, {"distance": far[i], "spread": np.nanstd(far[i])}) for i in unit.block)


FAMILY = declare(Family("FLATS", "Flats", named("DSSC").types, (Flatness(),), __doc__))
