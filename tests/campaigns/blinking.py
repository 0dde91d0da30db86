"""How many blinking pixels darks flag, by share of the time and height, from raw files to constants.

``python tests/campaigns/blinking.py docs/unstable-pixels.md`` measures it and writes the page; it takes minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.settings import default_settings
from calib_core.simulate.truth import BadKind
from calib_core.simulate.truth_file import Truth, read_truth
from calib_core.store.constants import list_constants

TRAINS = 200
SHARES = (0.02, 0.05, 0.1, 0.3)
HEIGHTS = (4.0, 8.0, 12.0, 40.0)
ESTIMATORS = ("robust", "median", "plain")


@dataclass(frozen=True)
class Camera:
    """A module that is simulated, and what is changed of its type's settings.

    Attributes
    ----------
    kind : str
        Name of the detector type.
    what : str
        Why it is looked at.
    blinking : float
        Share of the pixels that blink.
    settings : mapping
        Of the simulator.
    """

    kind: str
    what: str
    blinking: float
    settings: Mapping[str, Any] = field(default_factory=dict)


CAMERAS = (
    Camera("DSSC1M", "noise below 1 ADU", 0.05, {"modules": "0", "memory_cells": 1}),
    Camera("EPIX100", "common mode of 4 ADU", 0.01, {"modules": "1", "common_mode": 4.0}),
    Camera("GOTTHARD2", "strips", 0.05, {"modules": "1", "memory_cells": 2, "frames_per_train": 2}),
)


@dataclass(frozen=True)
class Found:
    """What one dark made of blinking pixels and of the others.

    Attributes
    ----------
    recall : float
        Share of the blinking (pixel, cell, gain stage) that are flagged at all.
    blinking : int
        How many there are.
    alarms, good : int
        Flagged and all (pixel, cell, gain stage) into which nothing bad was put.
    """

    recall: float
    blinking: int
    alarms: int
    good: int


def measure(camera: Camera, share: float, height: float, folder: Path, *, cosmics: float = 0.0,
            estimator: str = "robust", trains: int = TRAINS) -> Found:
    """Simulate a module, characterise it, and compare its flags with the truth.

    Parameters
    ----------
    camera : Camera
    share : float
        Share of the frames in which a blinking pixel is at its second level.
    height : float
        How far that is above the first, σ of the pixel.
    folder : Path
        Empty; runs and constants are written below.
    cosmics : float
        Share of the samples with an additional signal, exponential, its mean 44 times the typical noise.
    estimator : str
    trains : int
    """
    made, truth = _simulate(camera, share, height, cosmics, trains, folder / "raw")
    flags = _flags(made, estimator, folder / "constants")
    bad = np.where(_ordinary(truth), truth.bad(truth.modules[0]), BadKind.DEAD)
    flagged = flags & (BadPixels.NOISE_OUT_OF_THRESHOLD | BadPixels.OFFSET_OUT_OF_THRESHOLD) != 0
    blinks, good = flagged[..., bad == BadKind.BLINKING], flagged[..., bad == 0]
    return Found(float(blinks.mean()), blinks.size, int(np.count_nonzero(good)), good.size)


def _simulate(camera: Camera, share: float, height: float, cosmics: float, trains: int,
              root: Path) -> tuple[Simulated, Truth]:
    settings = default_settings(camera.kind).with_changes({
        "trains": trains, "blinking_share": camera.blinking, "blinking_time": share, "blinking_height": height,
        "outlier_share": cosmics, **camera.settings})
    noise = np.median(np.asarray([level.mean for level in settings.detector.simulated.levels.noise]))
    made = simulate(settings.with_changes({"outlier_mean": float(44 * noise)}), root)
    return made, read_truth(made.truth_file)


def _ordinary(truth: Truth) -> Any:
    """Pixels (slow_scan, fast_scan) that are in no region of the detector type; the others have no soft limits."""
    detector = truth.settings.detector
    marked = np.zeros(detector.shape, np.uint32)
    for region in detector.regions:
        region.mark(marked)
    return marked == 0


def _flags(made: Simulated, estimator: str, out: Path) -> Any:
    """Flags (gain stage, cell, slow_scan, fast_scan) of the only module."""
    job = Job(survey(list(made.runs.values())).spec(out, parameters={"estimator": estimator}))
    job.start()
    job.wait()
    state, error = job.board.state, job.board.error
    job.close()
    if state is not State.DONE:
        raise RuntimeError(error)
    [flags] = [one.values() for one in list_constants(out) if one.attributes["kind"] == "BadPixelsDark"]
    return flags.astype(np.uint32)


def _measured(camera: Camera, cosmics: float, estimators: Sequence[str]) -> Iterator[list[str]]:
    """Lines of a table: the recall of each estimator by height, of one share of the time."""
    for estimator in estimators:
        for share in SHARES:
            found = []
            for height in HEIGHTS:
                with tempfile.TemporaryDirectory() as folder:
                    found.append(measure(camera, share, height, Path(folder), cosmics=cosmics, estimator=estimator))
            alarms, good = sum(one.alarms for one in found), sum(one.good for one in found)
            yield [camera.kind, estimator, f"{cosmics:g}", f"{share:.0%}", *(f"{one.recall:.2f}" for one in found),
                   f"{alarms} of {good}"]


def _page(rows: Iterable[Sequence[str]]) -> str:
    head = ["detector type", "estimator", "cosmics", "share of the time", *(f"{one:g} σ" for one in HEIGHTS),
            "good ones flagged"]
    table = "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
    cameras = "; ".join(f"{one.kind}: {one.what}" for one in CAMERAS)
    return _TEXT.format(trains=TRAINS, cameras=cameras, table=table)


_TEXT = """# Pixels that blink

Written by `python tests/campaigns/blinking.py docs/unstable-pixels.md`; measure again rather than edit.

A pixel that is at a second level in some of the frames is no good pixel. The robust estimator leaves the second level
out of offset and noise, so it looks at how much it left out: the rule on *samples outside the gate* on each
[detector's page](detectors/README.md). `median` and `plain` (the facility's ways) have no gate; their noise shows
such pixels where the second level is far away, and with them every pixel that a cosmic ray hit.

Each number is the share of blinking pixels that carry a flag, from simulated raw files of {trains} trains to the
written constants; a pixel is at its second level in frames drawn at random. Cosmics are the share of all samples with
an additional signal, exponential with a mean of 44 σ. The last column counts values (pixel, memory cell, gain stage)
of all four heights into which nothing bad was put and that carry a flag all the same, by any soft limit: with many
cosmics mostly that of the noise, which small signals inside the gate raise. {cameras}.

{table}

In an ASIC of 128 strips the blinking ones are a part of what the ASIC has in common, so fewer of the weak ones are
found. Heights below 8 σ or below twice the smallest half width of the gate (`--gate-floor`) are not promised, nor
are pixels that dwell long at a level: with a dwell of 20 frames 31 % of those that blink in 10 % of the time never do
in a run of {trains} frames, with 100 frames 72 %.
"""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="Markdown file to write")
    page = parser.parse_args().page
    rows = []
    for camera in CAMERAS:
        for cosmics in (0.0, 1e-3, 1e-2):
            for row in _measured(camera, cosmics, ESTIMATORS if camera is CAMERAS[0] else ESTIMATORS[:1]):
                print(*row, sep="\t", flush=True)
                rows.append(row)
    page.write_text(_page(rows), "utf-8")


if __name__ == "__main__":
    main()
