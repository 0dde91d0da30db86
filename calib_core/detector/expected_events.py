"""Which classes of events one expects of single photons."""

from __future__ import annotations

from dataclasses import dataclass

from calib_core.resource_files import read_resource


@dataclass(frozen=True)
class ExpectedEvents:
    """Shares of the classes of events in frames of few photons.

    Attributes
    ----------
    shares : tuple of float
        Per cent of events of one, two, three and four samples, and of others.
    source : str
        Where they are from, and for which energy, thresholds and cloud they hold.
    """

    shares: tuple[float, float, float, float, float]
    source: str


def read_expected(name: str) -> ExpectedEvents:
    """What is written down of a family.

    Parameters
    ----------
    name : str
        File in ``resources/defaults`` without ending.
    """
    entry = read_resource("defaults", name)["events"]["shares"]
    one, two, three, four, others = map(float, entry["value"])
    return ExpectedEvents((one, two, three, four, others), entry["source"])
