"""The check of statistics over time: lines that have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.constants.history import Judged, change_rule, judged
from calib_core.constants.statistics import Line, VersionStatistics, lines_of, together
from calib_core.numerics.changes import Change
from calib_core.remarks import CheckText, Remark


def judged_lines(versions: Sequence[VersionStatistics]) -> tuple[tuple[int, Line, Judged], ...]:
    """Lines of versions and what they tell.

    Parameters
    ----------
    versions : sequence of VersionStatistics

    Returns
    -------
    tuple of (int, Line, Judged)
        With the number of the module.
    """
    rule = change_rule()
    return tuple((some[0].about.module, line, judged(line.values, line.errors, rule, line.confirmed))
                 for some in together(versions).values() for line in lines_of(some))


def told(module: int, line: Line, change: Change) -> str:
    """A change in words.

    Parameters
    ----------
    module : int
    line : Line
    change : Change
    """
    calibration = line.comparable.calibration
    when = (f"since {line.begins[change.start]:%Y-%m-%d %H:%M} UTC" if change.kind == "step"
            else f"seen {line.begins[change.seen]:%Y-%m-%d %H:%M} UTC")
    ended = line.begins[change.until + 1:change.until + 2]
    over = f", over by {ended[0]:%Y-%m-%d %H:%M} UTC" if ended else ""
    unit = f" {line.unit}" if line.unit else ""
    return (f"Module {module}, {calibration} {line.entry}: {change.kind} of {change.size:+.3g}{unit} "
            f"({change.sigmas:+.1f} σ) {when}{over}, S = {change.score:.1f} ({change.level}).")


@dataclass(frozen=True)
class Changes(Check):
    """Lines of constants are as those of their reference.

    Attributes
    ----------
    versions : callable
        Numbers of a module's versions: takes the context, the module, and what gives a result by its name.
    """

    versions: Callable[[Context, int, Callable[[str], Array]], tuple[VersionStatistics, ...]]

    @property
    def text(self) -> CheckText:
        """The check in words."""
        rule = change_rule()
        return CheckText(
            "change", "the largest sum of the last 3 to 60 versions, each clipped at 3 σ, over its error",
            f"> {rule.amber:g}; red > {rule.red:g}", "of 100 years of a line one at most",
            "simulated years of constants")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on lines whose reference is forming, and one for each change.

        Yields
        ------
        Remark
            In units of the score.
        """
        rule = change_rule()
        lines = judged_lines(self.versions(context, module, finished.values))
        forming = [found.references[-1][1].versions for _, _, found in lines if found.forming]
        if forming:
            of = f"{min(forming)} to {max(forming)}" if min(forming) < max(forming) else f"{max(forming)}"
            yield Remark("reference", module, "", float(max(forming)), float(rule.reference), "versions",
                         f"The references of {len(forming)} of {len(lines)} lines of a module are forming, {of} of "
                         f"{rule.reference} versions, so that no change of them can be told.")
        for _, line, found in lines:
            if found.blind:
                yield Remark("reference", module, str(line.entry), found.references[-1][1].correlation, 0.0, "",
                             f"Module {module}, {line.comparable.calibration} {line.entry}: {found.blind}.")
            for change in found.changes:
                yield Remark(self.text.kind, module, str(line.entry), change.score, rule.amber, "",
                             told(module, line, change))
