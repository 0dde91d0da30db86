"""Entries of the menu for what begins without a run being opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PyQt6.QtWidgets import QMenu

from app.running.background import Background
from calib_core.characterisation.family import families
from calib_core.jobs.survey import Survey, reads_runs, without_runs


def offer_without_runs(menu: QMenu, take: Callable[[Survey], None], background: Background) -> None:
    """Offer the characterisations that need no run, which no run that is opened would offer.

    Parameters
    ----------
    menu : QMenu
        It gets them at its end once they are known.
    take : callable
        Called with the survey that stands for the characterisation that was chosen.
    background : Background
        Where all families are loaded, which takes longer than a window may wait.
    """
    background.run("menu", _offered, partial(_show, menu, take))


def _offered() -> list[Survey]:
    return [without_runs(family, method) for family in families() for method in family.methods
            if not reads_runs(family, method)]


def _show(menu: QMenu, take: Callable[[Survey], None], offered: Sequence[Survey]) -> None:
    if offered:
        menu.addSeparator()
    for survey in offered:
        action = menu.addAction(f"{survey.family.title}: {survey.method.title}…")
        action.setObjectName(f"run_{survey.family.name}_{survey.method.command}".lower())
        action.triggered.connect(partial(_begin, take, survey))


def _begin(take: Callable[[Survey], None], survey: Survey) -> None:
    """Without what the signal says of the check box that the entry is not."""
    take(survey)
