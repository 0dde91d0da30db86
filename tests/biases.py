"""What steps move by construction, on light that NumPy made: the numbers of docs/corrections.md.

A test makes them anew from other light and compares; ``make biases`` has it write the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm

from calib_core.characterisation.family import named
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.split_events import COUNTS
from calib_core.correction.step import Step
from calib_core.detector import DetectorType

from .lit_frames import PHOTON, PIXEL, SHAPE, charge

Array = Any
Rng = np.random.Generator
#: Mean of what was found in some frames, and its error.
Value = tuple[float, float]
SEED = 1
#: Noise of high and of medium gain of the first family, ADU, the ratio of their gains, and where gain switches.
HIGH, MEDIUM, RATIO, SWITCH = 11.0, 8.0, 45.0, 6000.0
CLOUD = 8.0


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: Any) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def step_of(family: str, word: str, **changes: Any) -> Step:
    """The step of a family's correction with its defaults, switched on."""
    [steps] = [method.steps_before() for method in named(family).methods if method.corrects]
    [step] = [one for one in steps if one.word == word]
    return step.with_changes({"on": True, **changes})


def done(step: Step, frames: Array, kind: DetectorType, sigma: float, stage: Any = 0, **constants: Any) -> Images:
    """Frames of one memory cell after a step alone."""
    one = Images.of(np.array(frames, np.float32), np.zeros(len(frames), np.int64), np.arange(len(frames))).copy()
    one.stage[...] = stage
    noise = OfSamples(np.full((len(kind.stages), 1, *frames[0].shape), sigma, np.float32), (0,))
    Pipeline([step]).bind(Memory(**{"Noise": noise, **constants}), kind).read().apply(one)
    return one


def mean_of(values: Array) -> Value:
    """Mean over frames and its error; NaN where a step refused most of them."""
    known = values[np.isfinite(values)]
    if known.size <= len(values) / 2:
        return np.nan, np.nan
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(known.size))


def agipd(number: int = 0) -> DetectorType:
    return named("AGIPD").types[0].module(number)


def dark_rows(photons: float) -> Array:
    """Flat light that stripes of one quadrant stop."""
    light = np.full(SHAPE, photons)
    for first, end in agipd().shaded:
        light[first:end] = 0
    return light


def lit(rng: Rng, light: Any, cloud: float, sigma: float = HIGH) -> Array:
    return (charge(rng, light, cloud) * PHOTON + rng.normal(0, sigma, SHAPE)).astype(np.float32)


def baseline(
    rng: Rng, photons: float, word: str, cloud: float = CLOUD, shaded: bool = False, **changes: Any,
) -> Value:
    """What a step finds of frames of flat light whose baseline is at 0."""
    light = dark_rows(photons) if shaded else photons
    one = done(step_of("AGIPD", word, **changes), [lit(rng, light, cloud) for _ in range(6)], agipd(), HIGH)
    return mean_of(one.found[word].reshape(6, -1).mean(1))


def slope(rng: Rng, photons: float) -> Value:
    """Rise that is taken off ASICs over which light rises from none to twice the mean, from corner to corner."""
    row, column = (np.arange(n) % 64 / 63 for n in SHAPE)
    light = photons * (row[:, None] + column)
    one = done(step_of("AGIPD", "corr_asic_diag"), [lit(rng, light, CLOUD) for _ in range(4)], agipd(), HIGH)
    return mean_of(one.found["corr_asic_diag"].reshape(4, -1).mean(1))


def shadow(rng: Rng, photons: float) -> Value:
    """Difference that is taken off between ASICs in the shadow and lit ones, which share a border."""
    light = np.repeat([0.0, photons], 64)[None] * np.ones(SHAPE)
    one = done(step_of("AGIPD", "match_asics"), [lit(rng, light, CLOUD) for _ in range(6)], agipd(), HIGH)
    found = one.found["match_asics"]
    return mean_of((found[:, :, 1] - found[:, :, 0]).mean(1))


def lowest(rng: Rng, number: float, level: float) -> Value:
    """What is taken off so many samples of medium gain at a level, ADU of high gain."""
    frames, stage = np.zeros((40, *SHAPE), np.float32), np.zeros((40, *SHAPE), np.uint8)
    for values, gain in zip(frames, stage, strict=True):
        mine = rng.choice(values.size, int(number), replace=False)
        values.flat[mine], gain.flat[mine] = rng.normal(level / RATIO, MEDIUM, int(number)), 1
    found = done(step_of("AGIPD", "blc_set_min"), frames, agipd(), HIGH, stage).found["blc_set_min"]
    return mean_of(found * RATIO)


def step_between(rng: Rng, fall: float, samples: int) -> Value:
    """Step that is found where there is none, in light whose density falls off like exp(−signal / fall)."""
    found = []
    for _ in range(20):
        light = _falling(rng, fall, samples)
        stage = (light > rng.normal(SWITCH, 112, light.shape)).astype(np.uint8)
        noise = np.where(stage == 1, rng.normal(0, MEDIUM * RATIO, light.shape), rng.normal(0, HIGH, light.shape))
        one = Images.of((light + noise).astype(np.float32)[None], np.zeros(1, np.int64), np.arange(1)).copy()
        one.stage[0] = stage
        step_of("AGIPD", "blc_hmatch").apply(one, {}, agipd())
        found.append(one.found["blc_hmatch"][0])
    return mean_of(np.array(found))


def _falling(rng: Rng, fall: float, samples: int) -> Array:
    """Signals from 3000 to 12,000 ADU; half of the samples lie beside the switch, within 1800 ADU."""
    low, high, near = 3000.0, 12000.0, 1800.0
    share = (np.exp(-(SWITCH - near) / fall) - np.exp(-(SWITCH + near) / fall)) / (
        np.exp(-low / fall) - np.exp(-high / fall))
    place = rng.random(int(2 * samples / share))
    signal = -fall * np.log(np.exp(-low / fall) - place * (np.exp(-low / fall) - np.exp(-high / fall)))
    return signal.reshape(1, -1)


def forced(rng: Rng, apart: float, signal: float) -> Value:
    """Share of samples of medium gain, per cent, that are taken for high gain where offsets lie so far apart."""
    offset = np.zeros((3, 1, *SHAPE), np.float32)
    offset[0], offset[1], offset[2] = 5000, 5000 + apart, 5000 + 2 * apart
    frames = [rng.normal(5000 + apart + signal / RATIO, MEDIUM, SHAPE) for _ in range(4)]
    step = step_of("AGIPD", "force_hg_if_below")
    one = done(step, frames, agipd(), MEDIUM, 1, Offset=OfSamples(offset, (0,)))
    return mean_of(100 * (one.stage == 0).mean((1, 2)))


@dataclass(frozen=True)
class Sensor:
    """Light of single photons on a part of a detector, all in ADU and pixels."""

    family: str
    shape: tuple[int, int]
    bank: tuple[int, int]
    photon: float
    noise: float
    cloud: float


SENSORS = (Sensor("EPIX100", (354, 384), (354, 96), 132.0, 3.0, 7 / 50),
           Sensor("PNCCD", (256, 512), (128, 512), 1490.0, 13.0, 10 / 75),
           Sensor("FASTCCD", (100, 960), (100, 960), 125.0, 7.0, 7 / 30))


def median(rng: Rng, photons: float, of: Sensor) -> Value:
    """Common mode that is found in flat light where there is none."""
    kind = replace(named(of.family).types[0], shape=of.shape, asic_shape=of.bank, bank_shape=of.bank, regions=())
    frames = [charge(rng, photons, of.cloud * PIXEL, of.shape) * of.photon + rng.normal(0, of.noise, of.shape)
              for _ in range(6)]
    found = done(step_of(of.family, "common_mode"), frames, kind, of.noise).found["common_mode"]
    return mean_of(found.reshape(6, -1).mean(1))


def chance(rng: Rng, primary: float, pixels: int) -> Value:
    """Events of noise alone in a frame of so many pixels."""
    shape = (512, 1024)
    kind = replace(named("PNCCD").types[0], shape=shape, asic_shape=shape, regions=())
    one = done(step_of("PNCCD", "split_events", primary=primary), rng.normal(0, 13.0, (20, *shape)), kind, 13.0)
    return mean_of(one.found[COUNTS].sum(1) * pixels / (shape[0] * shape[1]))


@dataclass(frozen=True)
class Table:
    """Numbers by what they depend on.

    Attributes
    ----------
    title, text, head : str
    columns : sequence of (str, number)
    rows : sequence of (str, callable)
        ``callable(rng, number of the column) -> Value``.
    digits : int
    """

    title: str
    text: str
    head: str
    columns: Sequence[tuple[str, float]]
    rows: Sequence[tuple[str, Callable[[Rng, float], Value]]]
    digits: int = 1

    def values(self, seed: int) -> Iterator[tuple[str, list[Value]]]:
        """Rows with their values, made from light of a seed."""
        for number, (name, made) in enumerate(self.rows):
            yield name, [made(np.random.default_rng([seed, number, i]), at) for i, (_, at) in enumerate(self.columns)]

    def markdown(self, seed: int) -> str:
        lines = [[self.head, *(name for name, _ in self.columns)], ["---"] * (len(self.columns) + 1)]
        lines += [[name, *map(self.shown, values)] for name, values in self.values(seed)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def shown(self, value: Value) -> str:
        found, error = (f"{one + 0.0:.{self.digits}f}" for one in value)
        return "refused" if np.isnan(value[0]) else f"{found} ± {error}"


PHOTONS = tuple((f"{one:g}", one) for one in (0, 0.1, 0.3, 1, 2, 3))
FEW = tuple((f"{one:g}", one) for one in (0, 0.001, 0.01, 0.03, 0.1, 0.3))
FALLS = tuple((f"{one:,.0f}", one) for one in (1500, 3000, 6000, 20000))
SAMPLES = tuple((f"{one:,}", one) for one in (10, 100, 1000, 10000))
APART = tuple((f"{one:,}", one) for one in (1041, 1100, 1500, 3000))
TABLES = (
    Table("Baselines and common mode of high gain", """
What is taken off samples of high gain although nothing is to be taken off, in ADU; a photon of 9.2 keV is 66 ADU.
Flat light on a module of AGIPD, pixels of 200 µm, noise of 11 ADU, a cloud of 8 µm unless another is told.
“Refused”: nothing is taken off most frames, which is told. The last two rows are of light that is not flat: what is
taken off is light. Steps of 100 ADU and more are not taken for those between ASICs.""", "photons a pixel", PHOTONS, (
        ("`--blc-noise`", partial(baseline, word="blc_noise")),
        ("`--blc-noise`, no cloud", partial(baseline, word="blc_noise", cloud=0.0)),
        ("`--blc-stripes` behind stripes", partial(baseline, word="blc_stripes", shaded=True)),
        ("`--blc-stripes` without stripes", partial(baseline, word="blc_stripes")),
        ("`--cm`", partial(baseline, word="cm", cells=False)),
        ("`--cm`, no cloud", partial(baseline, word="cm", cells=False, cloud=0.0)),
        ("`--cm --cm-light`", partial(baseline, word="cm", cells=False, light=True)),
        ("`--corr-asic-diag`, light rises from corner to corner from 0 to twice the mean", slope),
        ("`--match-asics`, every other ASIC in the shadow", shadow))),
    Table("Lowest medium gain at 0", """
What `--blc-set-min` takes off samples of medium gain, in ADU of high gain, by how many of them there are in a
frame. Noise of medium gain is 8 ADU, 360 ADU of high gain.""", "samples", SAMPLES, (
        ("all at the switch of gain, 6000 ADU", partial(lowest, level=SWITCH)),
        ("all at 1000 ADU", partial(lowest, level=1000.0)),
        ("all without signal", partial(lowest, level=0.0))), 0),
    Table("Matched histograms of gains", """
Step between high and medium gain that `--blc-hmatch` finds where there is none, in ADU of high gain; a frame has so
many samples within 1800 ADU of the switch at 6000 ADU, and their density falls off by e over the ADU of the column.
With fewer than 500 on one side it is refused.""", "ADU", FALLS, (
        ("2000 samples", partial(step_between, samples=1000)),
        ("20,000 samples", partial(step_between, samples=10000))), 0),
    Table("High gain forced", """
Samples of medium gain that `--force-hg-if-below` takes for high gain, per cent, where the offset of medium gain
lies so many ADU above that of high gain; below 1000 ADU and 5 σ it is left out, which is told.""", "ADU", APART, (
        ("all at the switch of gain", partial(forced, signal=SWITCH)),
        ("all without signal", partial(forced, signal=0.0))), 3),
    Table("Common mode by medians", """
What `--common-mode` takes off where there is none, in ADU, in flat light of single photons with the defaults of
each family: photons of 8 keV, 132 ADU, noise of 3 ADU, a cloud of 0.14 pixels; of 1.49 keV, 1490 ADU, 13 ADU, 0.13
pixels; of 0.78 keV, 125 ADU, 7 ADU, 0.23 pixels.""", "photons a pixel", FEW, tuple(
        (named(one.family).types[0].title, partial(median, of=one)) for one in SENSORS), 2),
    Table("Events of noise alone", f"""
Events that noise makes in a frame of 1024 × 1024 pixels, by the primary threshold. Samples above n σ are N · P(> n
σ), {2**20 * norm.sf(4):.0f} at 4 σ and {2**20 * norm.sf(5):.1f} at 5 σ. `--split-events-counted-above` leaves them
out of the shares of classes: half of a photon is the usual choice, and can be given as soon as a gain is known.
Codes and sums of all events stay in the files.""", "σ", (("4", 4.0), ("4.5", 4.5), ("5", 5.0)), (
        ("events a frame", partial(chance, pixels=2**20)),), 1),
)
HEAD = """# What steps of corrections are off by

Some steps move samples by what these samples tell, and light is among them: a baseline or a common mode that is
found while light is on is off by construction. How far is measured here with light that NumPy makes. No number is
of a real detector; what a cloud, a noise or a gain was taken to be stands above each table. A test makes all
numbers anew from other light and fails where one has changed by more than its error
(`tests/calib_core/correction/test_biases.py`); `make biases` writes this page.

Numbers are means over frames with the error of the mean. The pages of the [detectors](detectors/README.md) have all
steps with when to use them.
"""
FOOT = """
## Others

* **Snowy pixels** (`--melt-snow`): a good sample of medium gain is taken for snow where its gain signal lies within
  120 ADU of the threshold and its signal is below half of that at which gain switches, 8 σ of its noise below: none
  in 10 million by noise. Filled in are means of neighbours, which are not the pixel's own.
* **Handover of parallel gain** (`--stage-rule handover`): the stage is chosen with the noise of the sample that is
  then used: 8 % too much where high gives way to medium gain, 0.4 % at the next. The default, `saturation`, has no
  such step.
* **Charge transfer** (`--cti-corr`): the noise of the read-out grows by what is given back, 1.5 % at 512 transfers
  of 3e-5.
* **Large pixels** (`--large-pixels-divide`): sums over a region lose what large pixels are divided by.
"""


def page(seed: int = SEED) -> str:
    """The page as it is in the documentation."""
    parts = [f"## {one.title}\n\n{one.text.strip()}\n\n{one.markdown(seed)}\n" for one in TABLES]
    return "\n".join([HEAD, *parts]) + FOOT
