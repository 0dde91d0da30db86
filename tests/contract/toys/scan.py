"""A scan over several equal runs: the mean of each pixel and memory cell at each step."""

import numpy as np

from calib_core.characterisation.kit import *

MEAN = ConstantKind("ScanMean", "ADU", "f4", "Mean of each pixel at each step of a scan")


class Sums(Accumulator):
    def __init__(self, context, unit):
        self.cells, self.step = context.cells_of(unit), {key: i for i, key in enumerate(unit.inputs)}
        self.sums = np.zeros((2, len(self.step), len(self.cells), *context.detector.shape))

    def update(self, name, chunk):
        for adc, cell in zip(chunk.adc, chunk.cell, strict=True):
            self.sums[:, self.step[name], self.cells.index(cell)] += np.stack([adc, np.ones_like(adc)])

    def merge(self, other):
        self.sums += other.sums


class Scan(TrainSelection, Method):
    """Mean signal of each pixel over the steps of a scan."""

    command, title = "SCAN", "Scan"

    def inputs(self, kind):
        return (Input("scan", "steps of the scan", many=True),)

    def axes(self, context):
        return (Axis("scan", "Step", tuple(range(len(context.arranged)))), *super().axes(context))

    def results(self, kind):
        return (Result("mean", "Mean", "ADU", "f4", "Mean signal", over=("scan", "cell")),)

    def outputs(self, kind):
        return (ConstantOutput(MEAN, "mean"),)

    def begin(self, context, unit, index, previous):
        return Sums(context, unit)

    def reduce(self, context, unit, accumulator):
        mean = accumulator.sums[0] / np.maximum(accumulator.sums[1], 1)
        yield from (({"cell": index}, {"mean": mean[:, slot]}) for slot, index in enumerate(unit.block))


FAMILY = declare(Family("SCANS", "Scans", named("DSSC").types, (Scan(),), __doc__))
