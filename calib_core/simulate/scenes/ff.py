"""One run with flat light: the Kα and Kβ lines of an element, weak enough for photons to be told apart.

A photon's charge is shared with the pixels around its own. The numbers of photons of both lines are Poisson, so the
charge of a pixel is a compound Poisson number; all of it is of high gain. What the run was made of: the mean of each
pixel comes back from :meth:`FlatField.mean_of`, gains are those of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadParameter
from calib_core.params import knob
from calib_core.resource_files import read_resource
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame
from calib_core.simulate.light import poisson_numbers, shared_photons
from calib_core.simulate.lit_scene import LitScene
from calib_core.simulate.noise import key_of, normals
from calib_core.simulate.scene import SceneRun
from calib_core.simulate.settings import Settings

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers; scans have up to 264.
SOURCE = 300
#: Distinguish the random numbers of a frame and line, and of a module.
_PHOTONS, _PLACES, _MODULE = (60, 61), (62, 63), 64


@dataclass(frozen=True)
class Lines:
    """Lines of an element: energies in keV, and the share of the photons that are of the second."""

    alpha: float
    beta: float
    beta_share: float

    @property
    def mean(self) -> float:
        """Mean energy of a photon, keV."""
        return self.alpha + self.beta_share * (self.beta - self.alpha)


@cache
def elements() -> Mapping[str, Lines]:
    """Lines by element; ``resources/codings/lines.yaml`` has their source."""
    return {name: Lines(**one) for name, one in read_resource("codings", "lines")["elements"].items()}


class FlatField(LitScene):
    """One run with weak flat light."""

    word: ClassVar[str] = "ff"
    title: ClassVar[str] = "with weak flat light, one run of single photons of two lines"
    key: ClassVar[int] = SOURCE

    element: Literal["Cr", "Fe", "Cu", "Ge", "Mo"] = knob("Cu", help="Element whose lines the light is of")
    light: float = knob(0.3, ge=0, le=20, unit="photons", help="Mean photons of a pixel and frame in a usual module")
    light_slope: float = knob(0.2, ge=-1, le=1, help="How much more light the last row of a module has than its "
                              "middle, in units of that; the first has as much less")
    light_modules: float = knob(0.05, ge=0, le=0.4, help="Spread of the light between modules, in units of it")
    beta: bool = knob(True, help="Whether there are photons of the second line")
    cloud: float = knob(8.0, ge=0, le=100, unit="µm",
                        help="Standard deviation of a photon's charge, shared with the pixels around")

    @property
    def lines(self) -> Lines:
        """Lines of the light."""
        lines = elements()[self.element]
        return lines if self.beta else Lines(lines.alpha, lines.beta, 0.0)

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the type has no conversion, or a setting belongs to darks or to larger pixels."""
        if settings.parallel_gain:
            raise BadParameter("parallel_gain = True is not allowed in flat light; it has the first gain stage only.")
        self.check_light(settings, "cloud")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """The one run."""
        return (SceneRun(self.word, (SOURCE,), SOURCE, None),)

    def mean_of(self, settings: Settings, module: int) -> npt.NDArray[np.float64]:
        """Mean number of photons of both lines in a frame of a module, (slow_scan, fast_scan)."""
        drawn = float(np.clip(normals(key_of(settings.seed, module, SOURCE, _MODULE), 1)[0], -2, 2))
        slow, fast = settings.detector.shape
        rows = 1 + self.light_slope * np.linspace(-1, 1, slow) if slow > 1 else np.ones(1)
        return self.light * (1 + self.light_modules * drawn) * np.repeat(rows[:, np.newaxis], fast, axis=1)

    def charge(self, settings: Settings, module: int, frame: Frame, mean: Array) -> npt.NDArray[np.float32]:
        """Charge in each pixel, (slow_scan, fast_scan) float32, keV, after sharing."""
        key = partial(frame_key, (settings.seed, module, SOURCE), frame=frame)
        cloud, lines = self.in_pixels("cloud", settings.detector), self.lines
        charge = np.zeros(mean.shape)
        for i, (energy, share) in enumerate(((lines.alpha, 1 - lines.beta_share), (lines.beta, lines.beta_share))):
            photons = poisson_numbers(mean * share, key(what=_PHOTONS[i]))
            charge += energy * (shared_photons(photons, cloud, key(what=_PLACES[i])) if cloud else photons)
        return charge.astype(np.float32)


SCENE = FlatField
