"""Contents of the job's form for one survey: inputs, modules, condition, parameters, output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.forms.condition_form import ConditionForm
from app.forms.editors import ChoiceEdit, TextEdit
from app.forms.field import COLUMNS, Field, Mark, form_grid
from app.forms.fold import Fold
from app.forms.knob_form import KnobForm
from app.forms.preset_choice import PresetChoice
from app.forms.tone_label import NoteLabel
from app.panels.start.charged import ChargedRuns
from app.panels.start.input_table import InputTableView
from app.panels.start.job_draft import (
    Choices,
    InputTable,
    Resources,
    Taking,
    allowed,
    amount,
    banners,
    build_spec,
    by_hand_text,
    constant_inputs,
    detectors,
    differing,
    facts,
    modules_text,
    of_single_kinds,
    paths_text,
    problems,
    read_by_hand,
    read_constants,
    read_folder,
    read_modules,
    takes_by_hand,
)
from app.widgets.plain import PlainLabel
from calib_core.characterisation.inputs import ALL_CONSTANTS, BY_HAND, NEUTRAL, Input
from calib_core.errors import CalibrationError
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey, offered
from calib_core.ranges import format_numbers

SINGLE = "Constants of one kind or module"


class JobPage(QWidget):
    """Everything that can be chosen for the runs of a survey.

    Signals
    -------
    changed()
        A value applies that differs from before.
    detector_chosen(identifier)
        The operator wants another detector of the same runs.
    method_chosen(family, command)
        The operator wants another characterisation of the same runs.
    browse()
        The operator wants to choose the output folder.
    """

    changed = pyqtSignal()
    detector_chosen = pyqtSignal(str)
    method_chosen = pyqtSignal(str, str)
    browse = pyqtSignal()

    def __init__(
        self, survey: Survey, out_folder: Path, constants: Path | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.survey = survey
        self.inputs = InputTableView(InputTable.found(survey))
        self.charged = ChargedRuns(self.inputs.table)
        kind = survey.detector.type if survey.detector else None
        asked = [one.name for one in survey.family.conditions_of(survey.method, kind)]
        self.condition = ConditionForm(survey.condition.of(asked), differing(survey))
        self.knobs = KnobForm(survey.method, [stage.short for stage in survey.family.stages])
        self.preset = PresetChoice(survey.family.presets_of(survey.method), self.knobs)
        self.taking, self.resources = KnobForm(Taking()), KnobForm(Resources())
        self.detector = ChoiceEdit(detectors(survey))
        self.offers = offered(survey)
        self.method = ChoiceEdit([f"{one.title}  ·  {family.name} {one.command}" for family, one in self.offers])
        self.banner, self.allowed, self.amount = NoteLabel("warning"), NoteLabel("muted"), NoteLabel("muted")
        self._readers: dict[str, tuple[Field, Callable[[str], object]]] = {}
        self._defaults = {"modules": modules_text(survey), "out_folder": str(out_folder)}
        self.constants = {one.name: self._constants_line(one, "" if i or constants is None else str(constants))
                          for i, one in enumerate(constant_inputs(survey))}
        self.by_hand = self._by_hand_line()
        self.single, self._folded = Fold(SINGLE), self._lines_to_fold()
        self.modules = self._line("modules", "Modules", "Modules to work on, such as 0-3,7; empty takes all\n"
                                  "Command line: --modules", lambda text: read_modules(survey, text))
        self.folder = self._line("out_folder", "Output folder", "Folder that the constants are written to\n"
                                 "Command line: --out-folder", read_folder)
        self._lay_out()
        self._connect()
        self._show_banner()
        self._show_allowed()
        self._show_amount()

    def spec(self) -> JobSpec:
        """Specification of what is shown at this moment.

        Raises
        ------
        BadParameter, BadInput
            A value is not allowed; the sentence also stands at its editor.
        """
        parameters, conditions = self.knobs.changes(), self.condition.changes()
        for name in self._readers:
            self._mark(name)
        return build_spec(self.inputs.table, Choices(
            read_folder(self.folder.value()), self.modules.value(),
            {name: line.value() for name, line in self.constants.items()}, self.by_hand.value(), parameters,
            conditions, self.taking.changes(), self.resources.changes(),
        ))

    def asked(self) -> JobSpec:
        """What constants are to be explained for: what is shown, without constants where none are given yet.

        Raises
        ------
        BadParameter, BadInput
            A value is not allowed.
        """
        if self.constants and not any(line.value().strip() for line in self.constants.values()):
            return self.survey.spec(read_folder(self.folder.value()), conditions=self.condition.changes(),
                                    modules=read_modules(self.survey, self.modules.value()),
                                    **self.taking.changes())
        return self.spec()

    def show_spec(self, spec: JobSpec) -> None:
        """Show all choices of a specification."""
        self.inputs.set_table(InputTable.of_spec(self.survey, spec))
        self.knobs.set_changes(spec.parameters)
        self.taking.set_changes(Taking.of_spec(spec))
        self.resources.set_changes(Resources.of_spec(spec))
        self.condition.set_changes(spec.conditions)
        self.set_out_folder(spec.out_folder)
        if spec.modules:
            self.modules.editor.set_value(format_numbers(spec.modules))
        for name, line in self.constants.items():
            line.editor.set_value(paths_text(spec.inputs.get(name, ())))
            self._mark(name)
        self.by_hand.editor.set_value(by_hand_text(spec.constants))
        self._mark("by_hand")
        self._mark("modules")

    def take_parameters(self, other: JobPage) -> None:
        """Keep what the operator changed for the same characterisation with the same defaults."""
        if other.knobs.baseline == self.knobs.baseline:
            self.knobs.set_changes(other.knobs.draft().changes)
        self.taking.set_changes(other.taking.draft().changes)
        self.resources.set_changes(other.resources.draft().changes)

    def set_out_folder(self, folder: Path) -> None:
        """Write constants to another folder."""
        self.folder.editor.set_value(str(folder))
        self._settle("out_folder")

    def give(self, module: int, kind: str, path: str) -> None:
        """Take a file, or neutral, for a constant of one module; empty lets it be chosen again."""
        given = read_by_hand(self.by_hand.value())
        given.setdefault(module, {})[kind] = path
        left = {number: {name: one for name, one in of.items() if one} for number, of in given.items()}
        self.by_hand.editor.set_value(by_hand_text(left))
        self._settle("by_hand")

    def give_all(self, word: str) -> None:
        """Let all constants be neutral, or be chosen of what was proposed where the word is empty."""
        first, *others = self.constants.values()
        if word or first.value() == NEUTRAL:
            first.editor.set_value(word or self._defaults[first.name])
        for line in (*(others if word else ()), self.by_hand):
            line.editor.set_value("")
        for line in (*self.constants.values(), self.by_hand):
            self._mark(line.name)
        self.changed.emit()

    def _by_hand_line(self) -> Field:
        """Line for constants of single modules."""
        self._defaults["by_hand"] = ""
        tooltip = ("Constants of single modules in place of those that would be chosen, such as 3:Offset=FILE "
                   f"4:Noise=FILE\nCommand line: {BY_HAND}")
        return self._line("by_hand", "Constants by hand", tooltip, read_by_hand)

    def _constants_line(self, one: Input, given: str) -> Field:
        """Line for the file or folder of an input of constants."""
        self._defaults[one.name] = given
        label, tooltip = one.label[:1].upper() + one.label[1:], f"{one.help or one.label}\nCommand line: {one.flag}"
        return self._line(one.name, label, tooltip, lambda text: read_constants(one, text, self._of_all()))

    def _of_all(self) -> str:
        line = self.constants.get(ALL_CONSTANTS)
        return "" if line is None else line.value()

    def _line(self, name: str, label: str, tooltip: str, read: Callable[[str], object]) -> Field:
        editor = TextEdit()
        editor.set_value(self._defaults[name])
        field = Field(name, label, editor, "", tooltip, self)
        self._readers[name] = (field, read)
        field.edited.connect(lambda _: field.show_mark(Mark.PENDING))
        field.committed.connect(self._settle)
        field.reset.connect(self._reset)
        return field

    def _reset(self, name: str) -> None:
        self._readers[name][0].editor.set_value(self._defaults[name])
        self._settle(name)

    def _settle(self, name: str) -> None:
        for one in self.constants if name == ALL_CONSTANTS else (name,):
            self._mark(one)
        self.changed.emit()

    def _mark(self, name: str) -> None:
        field, read = self._readers[name]
        try:
            read(field.value())
        except CalibrationError as error:
            field.show_mark(Mark.WRONG, str(error))
        else:
            own = field.value().strip() not in ("", self._defaults[name])
            field.show_mark(Mark.CHANGED if own else Mark.PLAIN)
        self._tell_folded()

    def _lines_to_fold(self) -> tuple[Field, ...]:
        """Lines of single constants of the steps, as many as there are kinds: one line above them stands for all."""
        if ALL_CONSTANTS not in self.constants:
            return ()
        of_steps = of_single_kinds(self.survey)
        by_hand = (self.by_hand,) if takes_by_hand(self.survey) else ()
        return (*(line for name, line in self.constants.items() if name in of_steps), *by_hand)

    def _tell_folded(self) -> None:
        """Tell how many single constants were given; what is wrong with one is seen."""
        given = [line for line in self._folded if line.value().strip()]
        self.single.say_changed(len(given))
        if any(line.mark is Mark.WRONG for line in given):
            self.single.open(True)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(6)
        column.addWidget(self._heading())
        for part in (self.banner, self.charged, self.allowed, self.amount, self.inputs):
            column.addWidget(part)
        self.taking.setHidden(not takes_by_hand(self.survey))
        for part in (self._problems(), self._lines(), self.taking, self._fold("Operating condition", self.condition),
                     self.preset, self._fold("Parameters", self.knobs),
                     self._fold("Memory, threads, files", self.resources, False)):
            column.addWidget(part)
        column.addStretch(1)

    def _heading(self) -> QWidget:
        heading = QWidget()
        column = QVBoxLayout(heading)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        title = PlainLabel(self._title())
        font = title.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.15)
        title.setFont(font)
        self._fill_choices()
        identifier = self.survey.detector.identifier if self.survey.detector else ""
        for widget in (title, self.method, self.detector if self.detector.count() > 1 else PlainLabel(identifier),
                       PlainLabel(facts(self.survey))):
            if isinstance(widget, QLabel):
                widget.setWordWrap(True)
            column.addWidget(widget)
        return heading

    def _title(self) -> str:
        of = self.survey.detector.type.title if self.survey.detector else self.survey.family.title
        return f"{of} · {self.survey.method.title}"

    def _fill_choices(self) -> None:
        """Show what was chosen; a choice of one is no choice."""
        if self.survey.detector is not None:
            self.detector.set_value(self.survey.detector.identifier)
        self.detector.setObjectName("detector")
        self.allowed.setObjectName("allowed_errors")
        self.amount.setObjectName("amount")
        self.method.setObjectName("method")
        self.method.setToolTip("Characterisation, and its command")
        commands = [(family.name, method.command) for family, method in self.offers]
        self.method.setCurrentIndex(commands.index((self.survey.family.name, self.survey.method.command)))
        # what has no parent yet would be shown as a window of its own, which takes the keyboard
        if len(commands) <= 1:
            self.method.hide()

    def _problems(self) -> Fold:
        found = problems(self.survey)
        fold = Fold(f"! {len(found)} problem{'s' if len(found) > 1 else ''} in the files")
        text = NoteLabel()
        text.setObjectName("problems")
        text.say("\n".join(found))
        QVBoxLayout(fold.content).addWidget(text)
        if not found:
            fold.hide()
        return fold

    def _lines(self) -> QWidget:
        lines = QWidget()
        grid = form_grid(lines)
        button = QPushButton("Choose…")
        button.setObjectName("choose_out_folder")
        button.clicked.connect(self.browse)
        modules = (self.modules,) if self.survey.family.of_modules(self.survey.method) else ()
        by_hand = (self.by_hand,) if takes_by_hand(self.survey) else ()
        given = [line for line in (*self.constants.values(), *by_hand) if line not in self._folded]
        row = _fill(grid, given)
        if self._folded:
            _fill(form_grid(self.single.content), self._folded)
            grid.addWidget(self.single, row, 0, 1, COLUMNS)
        row = _fill(grid, (*modules, self.folder), row + 1)
        below = QHBoxLayout()
        below.addStretch(1)
        below.addWidget(button)
        grid.addLayout(below, row, 2)
        return lines

    def _fold(self, title: str, content: ConditionForm | KnobForm, shown: bool = True) -> Fold:
        fold = Fold(title, shown)
        column = QVBoxLayout(fold.content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(content)
        if not content.fields:
            fold.hide()
        return fold

    def _connect(self) -> None:
        self.detector.activated.connect(lambda _: self.detector_chosen.emit(self.detector.value()))
        self.method.activated.connect(
            lambda index: self.method_chosen.emit(self.offers[index][0].name, self.offers[index][1].command))
        self.inputs.changed.connect(self._show_banner)
        self.inputs.changed.connect(lambda: self.charged.show_table(self.inputs.table))
        self.knobs.changed.connect(self._show_allowed)
        for part in (self.inputs, self.condition, self.knobs, self.taking, self.resources):
            part.changed.connect(self.changed)
        self.changed.connect(self._show_amount)

    def _show_banner(self) -> None:
        sentences = banners(self.inputs.table)
        self.banner.say("\n".join(f"! {sentence}" for sentence in sentences))

    def _show_allowed(self) -> None:
        with suppress(CalibrationError):  # a value that is not allowed is told at its editor; what stands stays
            self.allowed.say("\n".join(allowed(self.survey, self.knobs.changes())))

    def _show_amount(self) -> None:
        self.amount.say("")  # where a value is not allowed there is none, and not that of before
        with suppress(CalibrationError):
            self.amount.say(amount(self.inputs.table, Choices(
                Path(), self.modules.value(), parameters=self.knobs.changes(), conditions=self.condition.changes(),
                resources=self.resources.changes())))


def _fill(grid: QGridLayout, lines: Sequence[Field], row: int = 0) -> int:
    """Put lines into a grid, one below the other; the row that follows."""
    for line in lines:
        row = line.add_to(grid, row)
    return row
