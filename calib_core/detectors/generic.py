"""What is done with constants of any detector."""

from __future__ import annotations

from calib_core.characterisation.family import Family, declare
from calib_core.characterisation.statistics import Statistics

declare(Family("GENERIC", "Generic", (), (Statistics(),), __doc__))
