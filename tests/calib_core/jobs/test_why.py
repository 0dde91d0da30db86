"""Why this constant: which version a run resolves to, what was compared, and what just missed by which parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from calib_core.characterisation.family import named
from calib_core.cli.main import main
from calib_core.constants.matching import Setting
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter
from calib_core.io.run import Run
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.why import Asked, asked_by, kinds_taken, why
from calib_core.jobs.why_words import answers_of, run_words
from calib_core.simulate import default_settings, simulate
from calib_core.store.serving.server import serving
from calib_core.store.statuses import Status
from tests.made_store import DETECTOR, MadeStore


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1-2", "trains": 2})
    return simulate(settings, tmp_path_factory.mktemp("why")).runs["high"]


@pytest.fixture(scope="module")
def start(run: Path) -> datetime:
    with closing(Run.open(run)) as opened:
        assert opened.start_time is not None
        return opened.start_time


@pytest.fixture
def made(tmp_path: Path, start: datetime) -> Iterator[MadeStore]:
    one = MadeStore(tmp_path / "store", start)
    yield one
    one.store.close()


def numbers(found: Any) -> list[int | None]:
    return [one.taken.number if one.taken else None for one in found.found]


def test_it_tells_what_is_taken_compared_and_missed_by_which_parameter(run: Path, made: MadeStore) -> None:
    old = made.put(50)
    newest = made.put(3)
    later = made.put(-2)
    longer = made.put(1, Integration_Time=Setting(20.0, 0.025, 0.025, unit="µs"), Gain_Setting=Setting(1.0))
    draft = made.put(0.5, Status.DRAFT)
    rejected = made.put(0.25, Status.REJECTED, comment="beam on")
    found = why(run, made.store, Asked(kinds=("Offset",)))
    assert numbers(found) == newest
    for module in (0, 1):
        assert [(one.version.number, one.reasons) for one in found.found[module].missed] == [
            (rejected[module], ("it was rejected by ben (beam on)",)),
            (draft[module], ("it is a draft that nobody has accepted",)),
            (longer[module], ("Integration Time differs: 20.0 µs and 10.0 µs", "Gain Setting differs: 1.0 and 0.0")),
            (later[module], ("valid only after the run began",)),
            (old[module], ("another goes before it",))]
    [answer] = answers_of(found)
    assert answer.heading == (f"Offset10Hz of modules 1-2: versions {newest[0]}-{newest[1]}, accepted by ben, 3 h "
                              "before the run; the newest before the run of 3 next to it in its operating condition")
    assert answer.lines[0] == (
        "compared: Sensor Bias Voltage 90 V, Memory Cells 1, Pixels X 1024, Pixels Y 512, Integration Time 10 µs, "
        "Sensor temperature 291 K, Gain Setting 0, Gain mode 0, Exposure timeout 25 ns")
    assert answer.lines[1:] == (
        f"missed: versions {rejected[0]}-{rejected[1]}, 15 min before the run: it was rejected by ben (beam on)",
        f"missed: versions {draft[0]}-{draft[1]}, 30 min before the run: it is a draft that nobody has accepted",
        f"missed: versions {longer[0]}-{longer[1]}, 60 min before the run: Integration Time differs: 20.0 µs and "
        "10.0 µs; Gain Setting differs: 1.0 and 0.0",
        "and 2 more, further from the run")
    assert run_words(found).startswith(f"Run {found.label}, {DETECTOR}, {made.start:%Y-%m-%d %H:%M:%S} UTC: ")
    assert [note for note in found.notes if "Sensor temperature: 291 K is taken, but it is not sure" in note]


def test_what_was_decided_later_does_not_hide_what_is_accepted(run: Path, made: MadeStore) -> None:
    """However many drafts are nearer, the accepted version is found."""
    accepted = made.put(100)
    for hours in range(1, 9):
        made.put(hours, Status.DRAFT)
    assert numbers(why(run, made.store, Asked(kinds=("Offset",)))) == accepted
    assert numbers(why(run, made.store, Asked(kinds=("Offset",), statuses=frozenset(Status)))) != accepted


def test_the_closest_the_operators_condition_and_a_unit_without_versions(run: Path, made: MadeStore) -> None:
    before, after = made.put(3), made.put(-2)
    only = made.put(4, kind="Noise10Hz", units=("Jungfrau_M102",))
    assert numbers(why(run, made.store, Asked(kinds=("Offset",)))) == before
    assert numbers(why(run, made.store, Asked(kinds=("Offset10Hz",), closest=True))) == after
    slightly = Asked(kinds=("offset",), conditions={"integration_time": 10.02})
    found = why(run, made.store, slightly)
    assert numbers(found) == before
    assert "Integration Time 10.02 µs (the constant's: 10 µs −0.025/+0.025)" in answers_of(found)[0].lines[0]
    beyond = why(run, made.store, Asked(kinds=("offset",), conditions={"integration_time": 10.03}))
    assert numbers(beyond) == [None, None]
    [answer] = answers_of(beyond)
    assert answer.heading == ("Offset10Hz of modules 1-2 (Jungfrau_M101, Jungfrau_M102): 2 versions, and none goes "
                              "with the run")
    assert "Integration Time differs: 10.0 µs and 10.03 µs; valid only after the run began" in answer.lines[1]
    noise = why(run, made.store, Asked(kinds=("Noise",)))
    assert numbers(noise) == [None, *only]
    assert answers_of(noise)[1].heading == "Noise10Hz of module 1 (Jungfrau_M101): no version at all"


def test_where_all_are_later_the_first_is_taken_and_that_is_told(run: Path, made: MadeStore) -> None:
    made.put(-30)
    first = made.put(-2)
    found = why(run, made.store, Asked(kinds=("Offset",)))
    assert numbers(found) == first
    assert answers_of(found)[0].heading.endswith(
        "later than the run by 2 h; the first after the run, since there is none before of 2 next to it in its "
        "operating condition")


def test_bad_questions_get_a_sentence(run: Path, made: MadeStore, tmp_path: Path) -> None:
    def say(error: type[Exception], words: str, path: Path = run, **asked: Any) -> None:
        with pytest.raises(error, match=words):
            why(path, made.store, Asked(**asked))

    say(BadParameter, "has no constant “Ofset”; it has BadPixelsDark", kinds=("Ofset",))
    say(BadParameter, "has no module 7 in this run; it has 1, 2", modules=(7,))
    say(BadInput, "has no NONE detector; it has SPB_IRDA_JF4M", detector="NONE")
    say(BadParameter, "There is no condition “bias”", conditions={"bias": 1.0})
    say(BadInput, "none", path=tmp_path / "none")


def test_the_command_line_tells_it(run: Path, made: MadeStore, capsys: pytest.CaptureFixture[str]) -> None:
    taken = made.put(3)
    draft = made.put(1, Status.DRAFT)
    words = ["store", "why", str(run), "--store", str(made.store.folder), "--kind", "Offset"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"Offset10Hz of modules 1-2: versions {taken[0]}-{taken[1]}, accepted by ben, 3 h before the run" in said
    assert "it is a draft that nobody has accepted" in said
    assert main([*words, "--drafts", "--modules", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    [one] = told["constants"]
    assert (one["module"], one["unit"], one["taken"]["version"]) == (2, "Jungfrau_M102", draft[1])
    assert [(each["version"], each["reasons"]) for each in one["missed"]] == [(taken[1], ["another goes before it"])]
    time = next(each for each in one["compared"] if each["parameter"] == "Integration Time")
    assert time == {"parameter": "Integration Time", "run": [10.0], "constant": [10.0], "lower": 0.025,
                    "upper": 0.025, "against": ""}
    assert main([*words, "--condition", "Sensor Bias Voltage=100"]) == 1
    assert "Sensor Bias Voltage differs: 90.0 V and 100.0 V" in capsys.readouterr().out
    assert main([*words[:2], str(run), str(run.with_name("r0002")), *words[3:]]) == 2
    assert "2 runs were given; give one" in capsys.readouterr().err


def test_the_facilitys_database_is_asked_too(
    run: Path, made: MadeStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells what answers the run's operating condition, and that it does not tell what just missed."""
    pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")
    monkeypatch.setattr("calib_core.store.calcat.connection.usual_folder", lambda: tmp_path / "kept")
    before, after = made.put(3), made.put(-2)
    made.put(1, Integration_Time=Setting(20.0, 0.025, 0.025, unit="µs"))
    with serving(made.store) as server:
        words = ["store", "why", str(run), "--store", str(made.store.folder), "--kind", "Offset", "--calcat",
                 server.url]
        assert main(words) == 0
        said = capsys.readouterr().out
        assert main([*words, "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    for told in both:
        assert [one["taken"]["version"] for one in told["constants"]] == before
        assert [each["against"] for each in told["constants"][0]["compared"]] == [""] * 9
    ours, theirs = ([each["version"] for each in told["constants"][0]["missed"]] for told in both)
    assert len(ours) == 2
    assert theirs == [after[0]]
    assert f"Constants of CalCat at {server.url}" in said
    assert said.count("does not tell what just missed by a parameter") == 1


def test_a_folder_of_constants_tells_files(run: Path, tmp_path: Path) -> None:
    """A folder knows no decisions, nor deviations; it answers all the same."""
    from calib_core.store.opening import open_store

    found = why(run, open_store(str(tmp_path)), Asked(kinds=("Offset",)))
    assert numbers(found) == [None, None]
    assert answers_of(found)[0].heading.endswith("no version at all")


def test_zone_of_the_run_is_utc(start: datetime) -> None:
    assert start.tzinfo == UTC


def test_a_characterisation_asks_for_what_its_own_steps_take(run: Path, tmp_path: Path) -> None:
    """Histograms of flat light have their steps; what takes no constants asks what a correction takes."""
    agipd, corrected = detector_type("AGIPD1M"), named("AGIPD").method("CORRECT")
    asked = {one: asked_by(JobSpec(family="AGIPD", method=one, out_folder=tmp_path)).command
             for one in ("FF_HISTS", "PC", "CORRECT")}
    assert asked == {"FF_HISTS": "FF_HISTS", "PC": "PC", "CORRECT": "CORRECT"}
    of_histograms = kinds_taken(agipd, "FF_HISTS")
    assert "Offset" in of_histograms
    assert "SlopesFF" not in of_histograms  # that is what becomes of them
    assert set(of_histograms) < set(kinds_taken(agipd)) == set(kinds_taken(agipd, corrected.command))
    assert kinds_taken(agipd, "PC") == ()
