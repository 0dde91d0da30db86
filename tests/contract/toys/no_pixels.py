"""A characterisation without detector, run or pixels: random numbers and their statistics as a table."""

import numpy as np

from calib_core.characterisation.kit import *


class Dice(Method):
    """Throws of dice, counted."""

    command, title = "THROW", "Throws of dice"
    throws: int = knob(600, ge=1, le=10**6, unit="throws", help="How often the dice are thrown")
    random_seed: int = knob(1, ge=0, le=2**31, help="Another seed gives other throws")

    def results(self, kind):
        columns = (("face", "i8"), ("throws", "i8"))
        return (Result("faces", "Faces", "", columns, "How often each face came up", over=(), pixels=False),)

    def outputs(self, kind):
        return (TableOutput("faces"),)

    def reduce(self, context, unit, accumulator):
        thrown = np.random.default_rng(self.random_seed).integers(1, 7, self.throws)
        yield {}, {"faces": [(face, (thrown == face).sum()) for face in range(1, 7)]}


FAMILY = declare(Family("DICE", "Dice", (), (Dice(),), __doc__))
