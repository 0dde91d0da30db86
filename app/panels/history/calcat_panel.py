"""The facility's database beside what is listed: a switch, what it said, and the login that it may need."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel
from app.widgets.plain import tip
from calib_core.store.calcat.credentials import Credentials


class CalCatPanel(QWidget):
    """What it said stands below the switch; the login is asked for where that helps, and what is typed is forgotten.

    Signals
    -------
    login_given(credentials)
        A login was typed.
    """

    login_given = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox("CalCat", objectName="history_calcat")
        self.told = NoteLabel("muted")
        self.told.setObjectName("calcat_told")
        self.login = QWidget(objectName="calcat_login")
        self.client, self.secret, self.email = (
            QLineEdit(objectName=f"calcat_{name}") for name in ("client", "secret", "email"))
        self.keep = QPushButton("Keep", objectName="keep_login")
        self._lay_out()
        self.keep.clicked.connect(self._give)
        for editor in (self.client, self.secret, self.email):
            editor.textChanged.connect(self._allow)
            editor.returnPressed.connect(self.keep.click)
        self.tell("", False)

    def tell(self, words: str, lacks_login: bool) -> None:
        """Say what the database said; nothing where it is not asked."""
        self.told.say(words)
        self.told.setToolTip(tip(words))
        self.login.setVisible(lacks_login)

    def _lay_out(self) -> None:
        self.switch.setToolTip("Ask the facility's database too, for the detectors, kinds and operating conditions "
                               "that are listed")
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        grid = QGridLayout(self.login)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for name, editor, row, column in (("Client id", self.client, 0, 0), ("Secret", self.secret, 0, 1),
                                          ("E-mail", self.email, 1, 0)):
            editor.setPlaceholderText(name)
            grid.addWidget(editor, row, column)
        grid.addWidget(self.keep, 1, 1)
        self.keep.setToolTip("Put the login into the system's keyring; it is in no file of ours")
        below = QVBoxLayout(self)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(4)
        below.addWidget(self.told)
        below.addWidget(self.login)
        self._allow()

    def _allow(self) -> None:
        self.keep.setEnabled(all(one.text().strip() for one in (self.client, self.secret, self.email)))

    def _give(self) -> None:
        """Hand the login over, and keep nothing of it here."""
        given = Credentials(self.client.text().strip(), self.secret.text(), self.email.text().strip())
        self.secret.clear()
        self.login_given.emit(given)
