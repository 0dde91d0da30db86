"""How old what the maps show is, always in sight; amber where it is not current any more."""

from __future__ import annotations

from datetime import UTC, datetime

from PyQt6.QtCore import QSize, QTimer
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.forms.tone_label import colour_text
from app.session.session import Session
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import tip
from calib_core.resource_files import read_resource
from calib_core.subjects.age import age_of

#: An age is told in minutes at least.
_INTERVAL = 20_000
#: Letters that have room at least.
_LEAST = 16


class AgeLabel(ElidedLabel):
    """When the data were recorded, and how long ago that is; cut where there is no room beside what is compared."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.tone = ""
        self._session = session
        self.setObjectName("age")
        self.setContentsMargins(4, 0, 4, 0)
        self._timer = QTimer(self, interval=_INTERVAL)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        for signal in (session.subject_changed, session.subject_told, session.picture_changed):
            signal.connect(self.refresh)
        self.refresh()

    def minimumSizeHint(self) -> QSize:
        """Room for the begin of the text."""
        least = super().minimumSizeHint()
        return QSize(min(least.width(), self.fontMetrics().averageCharWidth() * _LEAST), least.height())

    def refresh(self) -> None:
        """Tell the age as it is now."""
        subject = self._session.shown.subject
        if subject is None:
            self.hide()
            return
        age = age_of(subject, datetime.now(UTC))
        self.setText(age.text or "no time told")
        self.tone = "warning" if age.old else "muted"
        colour_text(self, self.tone)
        hours = read_resource("ages", "shown")["amber_hours"]
        self.setToolTip(tip(f"When the data were recorded that are shown; amber from {hours:g} h on\n{age.whole}"))
        self.show()
