"""The menu of what begins without a run being opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PyQt6.QtWidgets import QMenuBar

from calib_core.characterisation.family import families
from calib_core.jobs.survey import Survey, reads_runs, without_runs


def fill_menu(bar: QMenuBar, take: Callable[[Survey], None]) -> None:
    """Offer the characterisations that need no run, which no run that is opened would offer.

    Parameters
    ----------
    bar : QMenuBar
        Shown only when there is something to offer.
    take : callable
        Called with the survey that stands for the characterisation that was chosen.
    """
    without = [(family, method) for family in families() for method in family.methods
               if not reads_runs(family, method)]
    menu = bar.addMenu("&Run")
    for family, method in without:
        action = menu.addAction(f"{family.title}: {method.title}…")
        action.setObjectName(f"run_{family.name}_{method.command}".lower())
        action.triggered.connect(partial(_begin, take, without_runs(family, method)))
    bar.setVisible(bool(without))


def _begin(take: Callable[[Survey], None], survey: Survey) -> None:
    """Without what the signal says of the check box that the entry is not."""
    take(survey)
