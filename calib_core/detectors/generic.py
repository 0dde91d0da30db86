"""What is done with constants of any detector."""

from __future__ import annotations

from calib_core.characterisation.family import Family, declare
from calib_core.characterisation.statistics import Statistics
from calib_core.characterisation.whole_files import Export, Inject, KeepStatistics

declare(Family("GENERIC", "Generic", (), (Statistics(), Export(), Inject(), KeepStatistics()), __doc__))
