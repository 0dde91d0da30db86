"""How often changes are found in simulated years of constants, how late, and how often without any.

``python tests/campaigns/changes.py docs/changes.md`` measures it and writes the page; it takes minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from calib_core.constants.history import change_rule, judged, share_line
from calib_core.numerics.changes import Change
from calib_core.numerics.exchange import correlations, exchanges, pattern
from calib_core.resource_files import read_resource

Array = np.ndarray[Any, Any]

YEAR, MODULES, STAGES = 365, 16, 3
LINES = MODULES * STAGES * 3
#: Versions that a reference takes; nothing happens before in what is simulated, except where it is said.
FORMING = 60
THRESHOLDS = (5.0, 6.0, 7.0, 8.0)
#: What a line does by chance: correlation of neighbouring versions, and degrees of freedom of Student's t.
NOISES: Mapping[str, tuple[float, float]] = {
    "white": (0.0, np.inf), "Student t4": (0.0, 4.0), "correlation 0.3": (0.3, np.inf),
    "correlation 0.5": (0.5, np.inf), "t4, correlation 0.5": (0.5, 4.0)}


def years(noise: str, number: int, seed: int) -> Array:
    """Lines (number, days) in units of their standard deviation, about 0."""
    correlation, freedom = NOISES[noise]
    rng = np.random.default_rng([seed, *noise.encode()])
    shape = number, YEAR + 50
    thrown = rng.normal(size=shape) if np.isinf(freedom) else rng.standard_t(freedom, shape) / np.sqrt(2)
    return lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], thrown, axis=1)[:, 50:]


@dataclass(frozen=True)
class Found:
    """What a rule made of some years with a change.

    Attributes
    ----------
    share : float
        Of the years in which it was told after it began.
    after : float
        Versions from where it begins to where it is told, median of those.
    start, size : float
        Errors of the start, in versions, and of the size, as a share of it; medians of the absolute values.
    steps : float
        Share that is called a step.
    """

    share: float
    after: float
    start: float
    size: float
    steps: float


def measure(lines: Array, starts: Sequence[int], size: float, limit: float) -> Found:
    """Judge lines with a change each."""
    told = [(start, one) for values, start in zip(lines, starts, strict=True)
            if (one := _first_after(changes_in(values, limit), start)) is not None]
    late = [max(one.seen - start, 0) for start, one in told]
    return Found(len(told) / len(lines), _median(late), _median([abs(one.start - start) for start, one in told]),
                 _median([abs(abs(one.size) / size - 1) for _, one in told]),
                 float(np.mean([one.kind == "step" for _, one in told])) if told else np.nan)


def changes_in(values: Array, limit: float, errors: Array | None = None) -> tuple[Change, ...]:
    """Changes of a line at another limit than the rule's."""
    rule = replace(change_rule(), amber=limit, red=limit + 1)
    return judged(values, np.zeros(len(values)) if errors is None else errors, rule).changes


def _first_after(found: Sequence[Change], start: int) -> Change | None:
    """The first change that is told at a version or later, be it told before for another reason."""
    return next((one for one in found if one.until >= start), None)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else np.nan


@cache
def highest(noise: str, number: int, seed: int = 1) -> Array:
    """Largest score of each of some years without any change, (number,)."""
    return np.array([np.nanmax(judged(line, np.zeros(YEAR), change_rule()).score)
                     for line in years(noise, number, seed)])


def steps(noise: str, number: int, size: float, seed: int = 2) -> tuple[Array, list[int]]:
    """Years with a step somewhere after the reference, and its versions."""
    lines, starts = years(noise, number, seed), np.random.default_rng(seed).integers(FORMING, YEAR - FORMING, number)
    for line, start in zip(lines, starts, strict=True):
        line[start:] += size
    return lines, starts.tolist()


def drifts(noise: str, number: int, a_year: float, seed: int = 3) -> Array:
    """Years with a drift from the end of the reference on, σ a year."""
    return years(noise, number, seed) + a_year / YEAR * np.maximum(np.arange(YEAR) - FORMING, 0)


def drift_when_told(lines: Array, a_year: float, limit: float) -> tuple[float, float, float]:
    """Share of drifting years that are told, how far the drift is then, median in σ, and share called a drift."""
    told = [one for line in lines if (one := _first_after(changes_in(line, limit), FORMING)) is not None]
    kinds = [one.kind == "drift" for one in told]
    return (len(told) / len(lines), _median([a_year / YEAR * (one.seen - FORMING) for one in told]),
            float(np.mean(kinds)) if kinds else np.nan)


def dying(noise: str, number: int, limit: float, seed: int = 4, pixels: int = 65536) -> Array:
    """Shares of bad pixels at which modules are told whose share doubles every ten days from 1 %, (number,).

    Before, the share is 1 % with a scatter of a twentieth of it, and of counting.
    """
    rng, found = np.random.default_rng(seed), np.full(number, np.nan)
    for year, line in enumerate(years(noise, number, seed)):
        start = int(rng.integers(FORMING, YEAR - 100))
        share = np.minimum(0.01 * 2 ** (np.maximum(np.arange(YEAR) - start, 0) / 10), 0.9)
        bad = rng.binomial(pixels, np.clip(share * np.exp(0.05 * line), 0, 1))
        logit, errors = share_line(bad, np.full(YEAR, pixels))
        told = _first_after(changes_in(logit, limit, errors), start)
        found[year] = np.nan if told is None else share[max(told.seen, start)]
    return found


def exchanged(number: int, seed: int = 5, shape: tuple[int, int] = (128, 512)) -> int:
    """Of so many pairs of modules that change places, how many are told at the first version after and no other."""
    rng, right, rule = np.random.default_rng(seed), 0, read_resource("statistics", "changes")["exchange"]
    own = rng.normal(0, 100, (MODULES, *shape)).astype(np.float32)

    def patterns() -> Array:
        levels = rng.normal(4000, 300, (MODULES, shape[0] // 64, shape[1] // 64)).repeat(64, 1).repeat(64, 2)
        maps = own + levels + rng.normal(0, 30, own.shape)
        return np.stack([pattern(one, np.zeros(shape, bool), (64, 64), rule["clip"]) for one in maps])

    accepted, now = patterns(), patterns()
    fits = correlations(now, accepted)
    for _ in range(number):
        pair = rng.choice(MODULES, 2, replace=False)
        places = np.arange(MODULES)
        places[pair] = pair[::-1]
        told = {(one.module, one.fits) for one in exchanges(fits[places], own[0].size, rule["sigma"])}
        right += told == {(pair[0], pair[1]), (pair[1], pair[0])}
    return right


#: What is no change: a year of one line as it looks with it, by a name.
def _two_conditions(line: Array) -> Iterator[Array]:
    """Every other dark of another condition, far away: two lines."""
    yield line[::2]
    yield line[1::2] + 30


def _two_shapes(line: Array) -> Iterator[Array]:
    """From the middle on other memory cells, with other medians."""
    yield line[:200]
    yield line[200:] - 12


def _a_gap(line: Array) -> Iterator[Array]:
    """Sixty days without any dark."""
    yield np.concatenate([line[:150], np.full(60, np.nan), line[210:]])


def _a_wild_one(line: Array) -> Iterator[Array]:
    """One version of 20 σ."""
    line = line.copy()
    line[220] += 20
    yield line


NO_CHANGES: Mapping[str, Callable[[Array], Iterator[Array]]] = {
    "two conditions": _two_conditions, "two shapes": _two_shapes, "60 days without any": _a_gap,
    "one version of 20 σ": _a_wild_one}


def false_reds(what: str, noise: str, number: int, seed: int = 6) -> int:
    """Years of one line that are red for what is no change."""
    return sum(any(one.level == "red" for part in NO_CHANGES[what](line) for one in changes_in(part, 6.0))
               for line in years(noise, number, seed))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _thresholds(number: int, of_alarms: int) -> str:
    """Rates of false alarms, and power and delay, by noise and threshold."""
    rows = []
    for noise in NOISES:
        scores = highest(noise, of_alarms)
        small, large = steps(noise, number, 2.0), steps(noise, number, 4.0)
        drifting = drifts(noise, number, 8.0)
        for limit in THRESHOLDS:
            two, four = measure(*small, 2.0, limit), measure(*large, 4.0, limit)
            share, far, _ = drift_when_told(drifting, 8.0, limit)
            rows.append([noise, f"{limit:g}", f"{(scores > limit).sum()}", f"{four.share:.1%}", f"{four.after:.0f}",
                         f"{two.share:.1%}", f"{two.after:.0f}", f"{share:.1%}", f"{far:.1f} σ"])
            print(*rows[-1], sep="\t", flush=True)
    return _table(["by chance", "threshold", f"false, of {of_alarms:,} years", "step of 4 σ found", "after versions",
                   "step of 2 σ found", "after versions", "drift of 8 σ a year found", "seen at"], rows)


def _details(number: int) -> str:
    """Starts, sizes and kinds at the limit of amber."""
    rows = []
    for noise in NOISES:
        found = measure(*steps(noise, number, 4.0), 4.0, 6.0)
        drift = drift_when_told(drifts(noise, number, 8.0), 8.0, 6.0)[2]
        shares = dying(noise, number, 6.0)
        every = np.where(np.isfinite(shares), shares, 1.0)
        rows.append([noise, f"{found.start:.0f}", f"{found.size:.0%}", f"{found.steps:.0%}", f"{drift:.0%}",
                     f"{np.median(every):.1%}", f"{np.quantile(every, 0.95):.1%}",
                     f"{np.isfinite(shares).sum()} of {number}"])
        print(*rows[-1], sep="\t", flush=True)
    return _table(["by chance", "error of the start, versions", "error of the size", "4 σ called a step",
                   "8 σ a year called a drift", "dying module seen at", "95 % at", "seen"], rows)


def _rest(number: int) -> str:
    """False alarms of all lines of a detector, and what is no change."""
    rows = [[f"{LINES} lines, {noise}", f"{(highest(noise, LINES * 100, 7) > 6).sum()}",
             f"{(highest(noise, LINES * 100, 7) > 7).sum()}", f"100 years ({LINES * 100:,} of one line)"]
            for noise in NOISES]
    for what in NO_CHANGES:
        rows.append([f"{what}, correlation 0.5", "–", f"{false_reds(what, 'correlation 0.5', number)}",
                     f"{number:,} years of one line"])
    for row in rows:
        print(*row, sep="\t", flush=True)
    return _table(["without any change", "amber", "red", "of"], rows)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="Markdown file to write")
    page = parser.parse_args().page
    page.write_text(_TEXT.format(thresholds=_thresholds(1000, 10_000), details=_details(1000), rest=_rest(1000),
                                 exchanged=exchanged(50)), "utf-8")


_TEXT = """# Changes of constants

Written by `python tests/campaigns/changes.py docs/changes.md`; measure again rather than edit.

Constants of one unit, calibration, operating condition and shape make lines over time: for each gain stage the
median of the good pixels, or for flags the logit of the share of bad ones. The first 60 versions are the reference,
and again the first 60 from a change on that somebody has confirmed: their median, their spread by 1.4826 median
absolute deviations (at least the error of counting), and the correlation of neighbouring versions. With fewer of
them the line says "reference forming, n of 60".

For each version the last k = 3 to 60 are added up, each clipped at 3 σ so that one wild version is no change: S =
|Σ clip(z)| / √(k (1 + 1.57 k / 60) (1 + r) / (1 − r)). The largest S of a version is its score: amber above 6, red
above 7. A change has a start, a size and a score; whether it is a step or a drift is what explains the versions
better, a level that is kept or a line that goes on, and only a step is said to be "since" a version. Numbers of the
rule are in `resources/statistics/changes.yaml`.

## Thresholds

Years of 365 versions; σ is the standard deviation of a line. Steps begin anywhere from version 60 on and at least 60
versions before the end of the year, drifts where the reference ends. Delays are medians.

{thresholds}

## What is told of them

At the limit of amber. A dying module has 1 % of 65,536 pixels bad, with a scatter of 5 % of that, and from some day
on twice as many every ten days.

{details}

## What is no change

{rest}

## Exchange of modules

The offset map of a module less the medians of its ASICs is a pattern that stays. It is correlated with the last
accepted maps of all modules; a map that fits another module better than its own, by more than 6 errors of a
correlation, is red. Of 50 pairs out of 16 modules of 128 × 512 pixels that changed places, whose patterns of 100
ADU had moved by 30 ADU in each pixel and by 300 ADU in each ASIC, {exchanged} were told at the first version after,
and no other module.
"""


if __name__ == "__main__":
    main()
