"""Reference pages hold what the descriptors declare, and command lines that the parser takes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from calib_core.characterisation.family import families, named
from calib_core.cli.main import main, parser
from calib_core.cli.pages import _table, page
from calib_core.detector import Region

FAMILIES = [family.name for family in families()]
OF_DETECTORS = [family.name for family in families() if family.types]


def rows(page, heading):
    """Cells of the first table under a heading."""
    below = page.split(f"# {heading}\n", 1)[1]
    table = next(part.strip() for part in below.split("\n\n") if part.strip().startswith("|"))
    lines = table.splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.fixture(scope="module")
def pages():
    return {name: page(named(name)) for name in FAMILIES}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_has_default_meaning_and_the_source_that_its_family_gives(pages, name, request):
    family = named(name)
    found = {row[0].strip("`"): row for row in rows(pages[name], "Parameters")}
    file = request.config.rootpath / "resources" / "defaults" / f"{name.lower()}.yaml"
    given = yaml.safe_load(file.read_text("utf-8"))["dark"] if file.exists() else {}
    for knob in family.methods[0].knobs():
        (row,) = [row for flag, row in found.items() if flag == knob.flag or (flag.startswith(f"{knob.flag}-")
                  and knob.kind == "limits_per_stage")]
        assert row[1], knob.name
        assert row[4].startswith(knob.help.replace("|", "\\|"))
        assert (row[5] if len(row) > 5 else "") == (given[knob.name]["source"] if knob.name in given else "")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_command_line_of_the_page_is_understood(pages, name):
    command = next(line for line in pages[name].splitlines() if line.startswith("calibwb "))
    words = shlex.split(command.replace(" N ", " 12 "))[1:]
    namespace = parser().parse_args(words)
    assert namespace.act is not None


@pytest.mark.parametrize("name", OF_DETECTORS)
def test_constants_stages_and_conditions_are_listed(pages, name):
    kind = named(name).types[0]
    outputs = named(name).methods[0].outputs(kind)
    assert [row[1] for row in rows(pages[name], "Constants")] == [
        kind.calibrations[one.kind.name].name for one in outputs]
    assert [row[0] for row in rows(pages[name], "Gain stages")] == [stage.short for stage in kind.all_stages]
    assert [row[1] for row in rows(pages[name], "Operating condition")] == [
        parameter.database_name for parameter in kind.condition]


def test_limits_regions_and_bars_are_written_for_people():
    family = named("JUNGFRAU")
    method = family.methods[0].with_changes({"thresholds_offset_hard": ((1, 2), (3, 4), (3, 4))})
    changed = replace(family.types[0], regions=(Region("edge", 8, ((0, 1, 0, 1024), (3, 5, 7, 8)), 2),))
    text = page(replace(family, types=(changed,), methods=(method,)))
    assert "| G0 1 to 2; G1 3 to 4; G2 3 to 4 |" in text
    assert "| edge | row 0, columns 0 to 1023; rows 3 to 4, column 7 | from pass 2 on |" in text
    assert _table(("a",), [("x|y",)]).endswith("| x\\|y |")


def test_pages_are_written_with_their_pictures(tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "jungfrau.png").touch()
    assert main(["docs", str(tmp_path / "detectors")]) == 0
    written = capsys.readouterr().out.split()
    assert len(written) == len(FAMILIES) + 1
    assert "](../pictures/jungfrau.png)" in (tmp_path / "detectors" / "jungfrau.md").read_text("utf-8")
    assert "![" not in (tmp_path / "detectors" / "agipd.md").read_text("utf-8")
    index = (tmp_path / "detectors" / "README.md").read_text("utf-8")
    assert all(f"[{name}]({name.lower()}.md)" in index for name in FAMILIES)


def test_the_pages_in_the_repository_are_those_of_the_descriptors(tmp_path):
    """`calibwb docs docs/detectors` brings them up to date."""
    docs = Path(__file__).resolve().parents[3] / "docs"
    shutil.copytree(docs / "pictures", tmp_path / "pictures")
    script = ("import sys; from pathlib import Path; from calib_core.cli.pages import write_pages; "
              "write_pages(Path(sys.argv[1]))")
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "detectors")], check=True, cwd=docs.parent)
    fresh = {path.name: path.read_text("utf-8") for path in (tmp_path / "detectors").iterdir()}
    assert fresh == {path.name: path.read_text("utf-8") for path in (docs / "detectors").iterdir()}
