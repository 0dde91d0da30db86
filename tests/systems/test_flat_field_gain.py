"""Gains from flat-field histograms through the command line, against the photons that were thrown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import View, picks_of
from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import FF_FIT
from calib_core.explanation import Bars, Explanation
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.store.constants import StoredConstant, list_constants
from calib_core.subjects.constants import ConstantsSubject, find_sets

from ..calib_core.numerics.flat_light import COPPER, GAIN, Flat, flat
from ..histogram_files import COLUMNS, write_histograms

Array = Any
ENERGY, ROWS = 9.2, 2
NUMBER = ROWS * COLUMNS


@dataclass
class Made:
    """Histograms of two groups of memory cells, and what was fitted to them."""

    file: Path
    out: Path
    lights: tuple[Flat, Flat]


def found(out: Path, kind: str) -> StoredConstant:
    """The only constant of a kind below a folder."""
    [one] = [one for one in list_constants(out) if one.calibration == kind]
    return one


def first(values: Array) -> Array:
    """Of the pixels that have samples."""
    return values[..., :ROWS, :].reshape(*values.shape[:-2], NUMBER)


def words(file: Path, out: Path, *more: str) -> list[str]:
    return ["AGIPD", "FF", "--constants-histograms", str(file), "--out-folder", str(out), "-q", *more]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("flat")
    lights = tuple(flat(NUMBER, photons, 8.0, spread=0.04, seed=seed) for seed, photons in ((1, 0.2), (2, 0.4)))
    # the second memory cell has so few frames that its gain is not known
    file = write_histograms(root / "in", lights, frames=[5000, 2000, *[5000] * 6])
    assert main(words(file, root / "out")) == 0
    return Made(file, root / "out", (lights[0], lights[1]))


def test_slopes_are_the_gains_that_were_drawn(made: Made) -> None:
    slopes = found(made.out, "SlopesFF")
    assert slopes.attributes["unit"] == "ADU/keV"
    values = first(slopes.values(("cell", "slow_scan", "fast_scan")))
    fits = dict(zip(FF_FIT, first(found(made.out, "FitsFF").values(
        ("parameter", "group", "slow_scan", "fast_scan"))), strict=True))
    for group, light in enumerate(made.lights):
        for cell in range(4):  # all cells of a group have its slope
            np.testing.assert_array_equal(values[4 * group + cell], values[4 * group])
        off = values[4 * group] * ENERGY / light.gain - 1
        assert abs(off.mean()) < 0.005
        assert off.std() < 0.004
        pull = (fits["gain"][group] * ENERGY - light.gain) / (fits["gain error"][group] * ENERGY)
        assert pull.std() == pytest.approx(1, abs=0.15)
        np.testing.assert_allclose(fits["entries"][group], light.counts.sum(axis=1))
    beside = slopes.attributes["beside"]
    assert beside["cell_group"] == 4
    assert beside["photon_energy"] == ENERGY
    assert np.array(beside["cloud"]) * 200 == pytest.approx(8, rel=0.05)
    assert slopes.attributes["conditions"]
    told = {one["name"] if isinstance(one, dict) else one for one in slopes.attributes["conditions"]}
    assert any("Source energy" in str(one) for one in told)


def test_pixels_without_samples_and_memory_cells_with_few_frames_are_flagged(made: Made) -> None:
    flags = found(made.out, "BadPixelsFF").values()
    none = int(BadPixels.FF_NO_ENTRIES)
    assert (flags[:, :, ROWS:] == none).all()
    assert np.isnan(found(made.out, "SlopesFF").values(("cell", "slow_scan", "fast_scan"))[:, ROWS:]).all()
    seen = flags[:, :, :ROWS]
    assert (seen[:, 1] & none == none).all()
    assert (np.delete(seen, 1, axis=1) == 0).mean() > 0.99
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_threads_and_memory_change_no_bit(made: Made, tmp_path: Path) -> None:
    assert main(words(made.file, tmp_path, "--threads", "1", "--memory-mb", "900")) == 0
    for kind in ("SlopesFF", "BadPixelsFF", "FitsFF"):
        np.testing.assert_array_equal(found(tmp_path, kind).data(), found(made.out, kind).data())


def explained(out: Path) -> Explanation:
    """A pixel of the second group, by what is on the disk alone."""
    subject = ConstantsSubject(find_sets([out])[0])
    told = subject.explain(3, 0, 5, {"group": 1})
    subject.close()
    assert told is not None
    return told


def test_gains_on_disk_are_explained_by_the_histograms_that_they_were_fitted_to(made: Made) -> None:
    """As long as these are where they were; else that is said."""
    told = explained(made.out)
    [samples] = [one for one in told.plots[0].items if isinstance(one, Bars) and one.name == "samples"]
    np.testing.assert_array_equal(samples.counts, made.lights[1].counts[5])
    gain = next(one for one in told.numbers if one.name == "gain")
    assert gain.value * ENERGY == pytest.approx(made.lights[1].gain[5], abs=4 * gain.error * ENERGY)
    away = made.file.rename(made.file.with_name("elsewhere.h5"))
    try:
        assert explained(made.out).notes == ("The histograms that were fitted are not where they were.",)
    finally:
        away.rename(made.file)


def test_relative_slopes_are_in_units_of_their_median(made: Made, tmp_path: Path) -> None:
    assert main(words(made.file, tmp_path, "--unit", "relative")) == 0
    slopes, absolute = found(tmp_path, "SlopesFF"), found(made.out, "SlopesFF")
    assert slopes.attributes["unit"] == "relative"
    values, known = (first(one.values(("cell", "slow_scan", "fast_scan"))) for one in (slopes, absolute))
    for group, light in enumerate(made.lights):
        assert np.median(values[4 * group]) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(values[4 * group] * np.median(known[4 * group]), known[4 * group], rtol=1e-5)
        assert slopes.attributes["beside"]["module_median"][group] * ENERGY == pytest.approx(
            np.median(light.gain), rel=0.002)


@pytest.mark.parametrize("model", ["F1", "F2"])
def test_other_models_are_a_few_per_cent_low(model: str, made: Made, tmp_path: Path) -> None:
    wide = ["--gain-lim", "0.5", "1.5", "--chi2-lim", "0", "50"]
    assert main(words(made.file, tmp_path, "--model", model, *wide)) == 0
    slopes = first(found(tmp_path, "SlopesFF").values(("cell", "slow_scan", "fast_scan")))
    off = np.nanmean(slopes[4] * ENERGY / made.lights[1].gain - 1)
    assert -0.08 < off < -0.003


def test_a_foil_has_its_second_line(tmp_path: Path) -> None:
    light = flat(NUMBER, 0.2, 8.0, COPPER, gain=7.2 * 8.041)
    file = write_histograms(tmp_path / "in", [light], energy=8.041)
    off: dict[str, list[float]] = {}
    for model, element in product(("F3", "F2", "F1"), ("Cu", "none")):
        out = tmp_path / model / element
        assert main(words(file, out, "--model", model, "--element", element)) == 0
        slopes = first(found(out, "SlopesFF").values(("cell", "slow_scan", "fast_scan")))[0]
        off.setdefault(model, []).append(float(np.nanmean(slopes * 8.041 / light.gain - 1)))
    assert abs(off["F3"][0]) < 0.005
    for model, (known, unknown) in off.items():
        assert 0.01 < unknown - known < 0.02, model  # the mean energy is 1.3 % above that of Kα


@pytest.mark.parametrize(("photons", "told"), [
    (0.012, "of which no gain is told below 0.02"), (3.2, "of which no gain is told above 2.5")])
def test_light_that_tells_no_gain_is_refused_with_its_number(
    photons: float, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    light = flat(64, photons, 8.0)
    file = write_histograms(tmp_path / "in", [light])
    assert main(["AGIPD", "FF", "--constants-histograms", str(file), "--out-folder", str(tmp_path / "out")]) == 0
    text = "".join(capsys.readouterr())
    assert told in text
    assert f"{photons:.1f}"[:3] in text
    if photons < 0.02:
        assert "frames of this light, where there are 20000" in text
    flags = found(tmp_path / "out", "BadPixelsFF").values()[0, 0].ravel()[:64]
    assert (flags == int(BadPixels.FF_GAIN_EVAL_ERROR)).all()
    slopes = found(tmp_path / "out", "SlopesFF").values(("cell", "slow_scan", "fast_scan"))
    assert np.isnan(slopes[0].ravel()[:64]).all()


def test_pixels_with_too_few_samples_are_told_with_their_share(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where all of them have, so that no cloud is found either."""
    assert main(words(made.file, tmp_path, "--min-entries", "1000000")) == 0
    assert "100.0% of the pixels and groups with samples have no gain, 100.0% for too few samples." in "".join(
        capsys.readouterr())
    assert (found(tmp_path, "BadPixelsFF").values() == int(BadPixels.FF_NO_ENTRIES)).all()


def test_fits_fill_tile_by_tile_and_a_pixel_is_explained(tmp_path: Path) -> None:
    light = flat(256, 0.3, 8.0)
    many = replace(light, counts=np.tile(light.counts, (32, 1)))
    file = write_histograms(tmp_path / "in", [many])
    job = Job(JobSpec(family="AGIPD", method="FF", out_folder=tmp_path / "out", threads=1,
                      inputs={"histograms": (str(file),)}))
    job.start()
    seen: list[int] = []
    told: list[tuple[int, int, str]] = []
    while not job.wait(0.05):
        if job.plan is None:
            continue
        [pick, *_] = picks_of(next(one for one in job.plan.results if one.name == "fits"), job.plan.context.axes)
        job.look_at(View({"group": 0}, picks=(pick,)))
        picture = job.board.picture
        if picture is not None and pick in picture.maps:
            seen.append(int(np.isfinite(picture.maps[pick]).sum()))
            assert picture.counts is not None
            told.append((*picture.counts[:, 0].tolist(), picture.counted))
    assert seen == sorted(seen)
    assert len({number for number in seen if 0 < number < len(many.counts)}) >= 2
    assert all(number % 1024 == 0 for number in seen)
    # of the pixels of the module a map says how many are fitted, those without samples too; in the end, of how many
    # frames it is
    number = 512 * COLUMNS
    fitted = [(done, whole) for done, whole, what in told if what == "pixel"]
    assert {(done, whole) for done, whole in fitted} == {
        (done, number) for done in {done for done, _ in fitted} if done % 1024 == 0 and done < number}
    pairs = [(done, there) for (done, _, what), there in zip(told, seen, strict=True) if what == "pixel"]
    assert pairs
    assert all(there == min(done, len(many.counts)) for done, there in pairs)
    found = job.pixels.explain(3, 0, 5, {"group": 0})
    assert [one.title for one in found.plots] == ["Histogram", "Pulls"]
    gain = next(one for one in found.numbers if one.name == "gain")
    assert gain.value * ENERGY == pytest.approx(light.gain[5], abs=4 * gain.error * ENERGY)


@pytest.mark.parametrize(("more", "told"), [
    (["--element", "Cu"], "Kα of Cu has 8.041 keV"),
    (["--fit-range", "400", "500"], "0 bins between 400 and 500 ADU"),
    (["--source", "isolated"], "FFHistogramIsolated")])
def test_what_does_not_fit_the_histograms_is_one_sentence(
    more: list[str], told: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(made.file, tmp_path, *more)) == 1
    error = capsys.readouterr().err
    assert told in error
    assert made.file.name in error or "--" in error or str(made.file) in error
    assert "Traceback" not in error


def test_gain_of_the_simulation(made: Made) -> None:
    """The spread of the drawn gains is found, and nothing but it."""
    slopes = first(found(made.out, "SlopesFF").values(("cell", "slow_scan", "fast_scan")))[0] * ENERGY
    assert slopes.std() / GAIN == pytest.approx(made.lights[0].gain.std() / GAIN, rel=0.05)
