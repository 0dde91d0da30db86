import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QLabel, QPushButton

from app.widgets.flag_panel import FlagPanel

OFFSET, NOISE, USER = 1, 2, 1 << 31


@pytest.fixture
def panel(qtbot):
    made = FlagPanel()
    qtbot.addWidget(made)
    made.set_flags([(OFFSET, "offset out of threshold"), (NOISE, "noise & more"), (USER, "user2")])
    made.show()
    return made


def test_boxes_make_the_mask_up_to_the_last_bit(panel, qtbot):
    heard = []
    panel.selection_changed.connect(heard.append)
    for bit in (0, 31, 0):
        panel.findChild(QCheckBox, f"flag_{bit}").click()
    assert heard == [NOISE | USER, NOISE, OFFSET | NOISE]


def test_alt_click_shows_one_alone_and_brings_the_others_back(panel, qtbot):
    panel.findChild(QCheckBox, "flag_0").click()
    alt = Qt.KeyboardModifier.AltModifier
    box = panel.findChild(QCheckBox, "flag_31")
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, alt)
    assert panel.selection == USER
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, alt)
    assert panel.selection == NOISE | USER


def test_all_and_none(panel, qtbot):
    heard = []
    panel.selection_changed.connect(heard.append)
    for name in ("none", "none", "all"):
        qtbot.mouseClick(panel.findChild(QPushButton, f"flags_{name}"), Qt.MouseButton.LeftButton)
    assert heard == [0, OFFSET | NOISE | USER]


def test_counts_and_parts(panel):
    panel.set_counts({OFFSET: 6291}, 1_048_576)
    texts = {label.text() for label in panel.findChildren(QLabel)}
    assert {"6,291", "0.60%", "0", "0.00%", "of 1,048,576 pixels"} <= texts
    panel.set_counts({}, 0)


def test_new_flags_are_on_and_old_ones_keep_their_state(panel):
    panel.findChild(QCheckBox, "flag_1").click()
    panel.set_flags([(NOISE, "noise"), (4, "evaluation")])
    assert panel.selection == 4


def test_selection_from_elsewhere_makes_no_signal(panel, qtbot):
    with qtbot.assertNotEmitted(panel.selection_changed):
        panel.set_selection(USER)
    assert panel.selection == USER


@pytest.mark.parametrize("wrong", [0, 3, 1 << 32])
def test_masks_of_one_bit_only(panel, wrong):
    with pytest.raises(ValueError, match="one of 32 bits"):
        panel.set_flags([(wrong, "?")])


def test_only_flags_that_occur_are_listed_unless_all_are_wanted(panel):
    panel.set_counts({NOISE: 3}, 100)
    shown = [bit for bit in (0, 1, 31) if panel.findChild(QCheckBox, f"flag_{bit}").isVisible()]
    assert shown == [1]
    panel.findChild(QCheckBox, "every_flag").click()
    assert panel.findChild(QCheckBox, "flag_31").isVisible()


def test_drawing_and_leaving_out_are_two_choices(panel, qtbot):
    panel.set_counts({OFFSET: 1, NOISE: 1, USER: 1}, 10)
    with qtbot.assertNotEmitted(panel.excluded_changed):
        panel.findChild(QCheckBox, "flag_1").click()
    assert (panel.selection, panel.excluded) == (OFFSET | USER, OFFSET | NOISE | USER)
    with qtbot.assertNotEmitted(panel.selection_changed), qtbot.waitSignal(panel.excluded_changed) as heard:
        panel.findChild(QCheckBox, "exclude_31").click()
    assert heard.args == [OFFSET | NOISE]
    panel.set_excluded(USER)
    assert (panel.selection, panel.excluded) == (OFFSET | USER, USER)


def test_new_and_healed_pixels_stand_beside_the_counts(panel):
    panel.set_counts({OFFSET: 6}, 100)
    panel.set_changes({OFFSET: (4, 1200), NOISE: (0, 0)})
    assert "+4 −1,200" in {label.text() for label in panel.findChildren(QLabel)}


def test_changes_are_forgotten_where_nothing_is_compared_any_more(panel):
    panel.set_counts({OFFSET: 4}, 1000)
    panel.set_changes({OFFSET: (4, 1200)})
    panel.set_counts({OFFSET: 4}, 1000)
    labels = panel.findChildren(QLabel)
    assert not [label for label in labels if "new in A" in label.toolTip() or "+4" in label.text()]


def test_the_heading_tells_shares_from_changes(qtbot):
    panel = FlagPanel()
    qtbot.addWidget(panel)
    panel.set_flags([(OFFSET, "offset"), (NOISE, "noise")])
    panel.set_counts({OFFSET: 10, NOISE: 4}, 100)
    headings = [label.text() for label in panel.findChildren(QLabel)]
    assert "share" in headings
    panel.set_changes({OFFSET: (3, 2), NOISE: (0, 0)})
    texts = [label.text() for label in panel.findChildren(QLabel)]
    assert {"+ new − healed", "+3 −2", "+0 −0"} <= set(texts)
    assert "share" not in texts
    panel.set_counts({OFFSET: 10}, 100)
    texts = [label.text() for label in panel.findChildren(QLabel)]
    assert {"share", "10.00%"} <= set(texts)
