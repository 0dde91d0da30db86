"""What the raw samples of the selected pixel say, read in the background, without the widgets that show it."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.inspect.inspector_presenter import same_place
from app.running.background import Background
from app.session.session import Session
from calib_core.errors import CalibrationError
from calib_core.explanation import Asked, Explanation, Span
from calib_core.subjects.pixel_file import ExplainedPixel
from calib_core.subjects.shown import Shown

_WORK, _TRY = "Reading raw samples", "Trying parameters"
SAMPLES_HINT = "Raw samples of the pixel: press “Read raw”"


class SamplesPresenter(QObject):
    """Explains the selected pixel when asked, or at each click; parameters of the form are tried at once.

    What is made of results of a job that goes on is explained again with each picture that tells of more.

    Attributes
    ----------
    follows : bool
        Whether each pixel that is selected is explained.
    corrected, compared : bool
        How pixels are explained, where that can be had.

    Signals
    -------
    explained(explanation)
        Something to be drawn; None clears.
    hint(text)
        What to read while there is nothing to be drawn.
    knob_moved(name, value)
        A parameter was moved in a plot.
    """

    explained = pyqtSignal(object)
    hint = pyqtSignal(str)
    knob_moved = pyqtSignal(str, object)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.follows = self.corrected = self.compared = False
        self.found: Explanation | None = None
        self._session, self._background = session, background
        self._of, self._tried, self._asking = Shown(), Asked(), False
        session.pixel_changed.connect(self._take_place)
        session.subject_changed.connect(self._take_place)
        session.picture_changed.connect(self._take_place)
        session.spec_changed.connect(self._take_spec)

    @property
    def pixel(self) -> ExplainedPixel | None:
        """The explanation that is drawn, with the pixel that it is of."""
        shown = self._of
        if self.found is None or shown.pixel is None:
            return None
        places = zip(("module", "row", "column"), shown.pixel, strict=True)
        return ExplainedPixel(self.found, {**dict(places), **{axis: shown.label(axis) for axis in shown.at}})

    def set_follows(self, follows: bool) -> None:
        """Explain each pixel that is selected, beginning with the one that is, or only when asked."""
        self.follows = follows
        self.hint.emit("Click a pixel to see its samples and what is made of them." if follows else SAMPLES_HINT)
        if follows and self.found is None:
            self.explain()

    def set_corrected(self, corrected: bool) -> None:
        """Look behind the steps of the method, or at what is stored."""
        self.corrected = corrected
        self.explain()

    def compare(self) -> None:
        """Ask other programs for the same numbers of this pixel."""
        self.compared = True
        self.explain()

    def move(self, span: Span, low: float, high: float) -> None:
        """Give the parameter of a range that was dragged its value."""
        self.knob_moved.emit(span.knob, span.value(low, high))

    def explain(self) -> None:
        """Read the samples of the selected pixel at the shown place, where the subject has them."""
        self._explain(again=False)

    def _explain(self, again: bool) -> None:
        shown = self._session.shown
        if shown.pixel is None or shown.picture is None:
            return
        self._tried, self._asking = self._asked(), True
        self._background.run(_WORK, partial(shown.subject.explain, *shown.pixel, shown.at, self._tried),
                             partial(self._take, shown, again), self._fail)

    def _explain_again(self) -> None:
        """Explain what is made of more results by now, unless that is on its way."""
        if not self._asking and self.found is not None and self.found.grows:
            self._explain(again=True)

    def _asked(self) -> Asked:
        return Asked(self.corrected, self.compared, *self._session.in_form)

    def _take(self, of: Shown, again: bool, found: Explanation | None) -> None:
        self._asking = False
        if found is None:
            said = f"{of.subject.title} has no raw samples to read."
            self.hint.emit(said)
            if not self.follows:
                self._session.say("WARN", said)
        self.found = found
        self.explained.emit(found)
        if of.subject.ended:  # since it was asked: no other picture comes
            self._explain_again()
        if found is not None and self.follows and not (again and found.grows):  # was tried before
            self._background.run(_TRY, partial(of.subject.try_part, *of.pixel, of.at, self._tried),
                                 lambda _: self._session.refresh(), self._session.tell_trouble, in_turn=True)

    def _fail(self, error: Exception) -> None:
        self._asking = False
        sentence = str(error) if isinstance(error, CalibrationError) else f"Samples cannot be read: {error!r}."
        self.hint.emit(sentence)
        if not self.follows:
            self._session.say("WARN", sentence)
        self.found = None
        self.explained.emit(None)

    def _take_place(self) -> None:
        """Samples of another place do not stay."""
        shown = self._session.shown
        if same_place(shown, self._of):
            self._explain_again()
            return
        self._of, self.compared, self._asking = shown, False, False
        self._background.drop(_WORK)
        if not self.follows or shown.pixel is None or shown.picture is None:
            self.found = None
            self.explained.emit(None)
        else:  # what is drawn stays until there is something else: a flash of nothing tells nobody anything
            self.explain()

    def _take_spec(self, spec: object) -> None:
        """Look at the same samples with what the form shows now; while that is not allowed with what it showed."""
        if spec is not None and self.found is not None and self._asked() != self._tried:
            self.compared = False
            self.explain()
