"""Sources on AGIPD's chips that charge its pixels, and which of them in each run.

Source: the public toolbox of the detector's makers (rows and columns of its images are our fast_scan and slow_scan).
Chips of the second half of a module are upside down, so that it is charged the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping

from calib_core.detector.clues import Device
from calib_core.detector.injection import Injection, UsualScan
from calib_core.detectors._agipd_control import CURRENT_KEYS
from calib_core.resource_files import read_resource

#: The pulse capacitor charges every eighth column of 64, the next pattern those before them.
_CAPACITOR = tuple((*range(7 - one, 64, 8), *range(64 + one, 128, 8)) for one in range(8))
#: The current source charges every fourth row of 64 columns; rows of the other half are counted on from 512.
_CURRENT = tuple((*range(3 - one, 512, 4), *range(512 + one, 1024, 4)) for one in range(4))


def injections(device: Device) -> Mapping[str, Injection]:
    """Pulse capacitor and current source.

    Parameters
    ----------
    device : Device
        Whose registers tell what is charged.
    """
    scans = read_resource("scans", "agipd")
    noise = {source: tuple(one["noise"]) for source, one in scans.items()}
    return {
        "capacitor": Injection("pulse capacitor", "columns", _CAPACITOR, device, "pcRowNr",
                               usual=UsualScan(**scans["capacitor"]["usual"]), noise=noise["capacitor"]),
        "current": Injection("current source", "half rows", _CURRENT, device, CURRENT_KEYS["charged"], axis=0,
                             halves=2, current_key=CURRENT_KEYS["current"], noise=noise["current"]),
    }
