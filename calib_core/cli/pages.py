"""Reference pages of the detector families, written from their descriptors alone."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Result
from calib_core.characterisation.family import Family, families
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, CorrectedOutput
from calib_core.characterisation.presets import Preset
from calib_core.cli.knob_flags import as_words
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.detector.defaults import sources
from calib_core.explanation import RuleText
from calib_core.params import Knob
from calib_core.remarks import CheckText
from calib_core.store.files import write_atomically
from calib_core.typed import parse_path

#: Folder of pictures beside the folder of the pages; a detector type's picture has its name in small letters.
PICTURES = "pictures"
_INDEX = "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("folder", type=parse_path, help="where the pages go, such as docs/detectors")
    parser.set_defaults(act=_write)


def _write(namespace: argparse.Namespace) -> int:
    for path in write_pages(namespace.folder):
        print(path)
    return 0


def write_pages(folder: Path) -> list[Path]:
    """Write a page for each family, and an index of them; what is there is replaced.

    Raises
    ------
    OutputFailed
        The folder cannot be written.
    """
    texts = {f"{one.name.lower()}.md": page(one, _pictures(folder, one.types)) for one in families()}
    texts[_INDEX] = _index(families())
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text.encode(), overwrite=True)
    return [folder / name for name in texts]


def page(family: Family, pictures: Mapping[str, str] | None = None) -> str:
    """Markdown page of a family.

    Parameters
    ----------
    family : Family
        What its types have in common is told of the first.
    pictures : mapping, optional
        Title of a type → link to a picture of its dark maps.
    """
    parts = [f"# {family.name}", inspect.cleandoc(family.about or "")]
    parts += [f"![Darks of a simulated {title}]({link})" for title, link in (pictures or {}).items()]
    if family.types:
        parts += _instrument(family.types)
    for method in family.methods:
        parts += _method(family, method)
    return "\n\n".join(parts) + "\n"


def _instrument(types: Sequence[DetectorType]) -> list[str]:
    kind = types[0]
    parts = ["## Modules", _modules([t for one in types for t in (one, *one.variants)])]
    parts += [t.remark for t in types if t.remark]
    parts += ["## Gain stages", _stages(kind), "## Raw data", _raw(types)]
    if kind.regions:
        parts += ["## Regions", _regions(kind)]
    parts += ["## Operating condition", "Found in the run unless the operator gives it.", _condition(kind)]
    return parts


def _pictures(folder: Path, types: Sequence[DetectorType]) -> dict[str, str]:
    names = {kind.title: f"{kind.name.lower()}.png" for kind in types}
    there = folder.absolute().parent / PICTURES
    return {title: f"../{PICTURES}/{name}" for title, name in names.items() if (there / name).exists()}


def _index(known: Sequence[Family]) -> str:
    rows = [(f"[{one.name}]({one.name.lower()}.md)", ", ".join(t.title for t in one.types),
             ", ".join(method.title for method in one.methods)) for one in known]
    return "\n\n".join([
        "# Detectors", "Written by `calibwb docs` from the descriptors; edit those, not these pages.",
        _table(("family", "types", "characterisations"), rows)]) + "\n"


def _modules(types: Iterable[DetectorType]) -> str:
    head = ("type", "modules", "pixels of a module (slow_scan × fast_scan)", "ASIC", "common-mode bank",
            "memory cells", "largest code [ADU]")
    return _table(head, [
        (t.title, f"up to {t.max_modules}" if t.max_modules > 1 else "1", _size(t.shape), _size(t.asic_shape),
         _size(t.bank_shape or t.asic_shape), t.max_cells, t.saturation) for t in types])


def _stages(kind: DetectorType) -> str:
    bits = [(f"`{stage.code:02b}`",) if kind.has_gain_bits else () for stage in kind.all_stages]
    return _table(("stage", "meaning", "run", *(("gain bits",) if kind.has_gain_bits else ())), [
        (stage.short, stage.label, f"`--run-{stage.role}`", *one)
        for stage, one in zip(kind.all_stages, bits, strict=True)])


def _raw(types: Sequence[DetectorType]) -> str:
    raw = types[0].raw
    keys = [("instrument source", t.raw.source) for t in types] + [
        ("file aggregator", raw.aggregator), ("pixels", raw.pixels), ("gain bits", raw.gain_bits),
        ("memory cell", raw.cell), ("pulse", raw.pulse), ("train", raw.train),
    ]
    lines = [f"* {what}: `{key}`" for what, key in dict.fromkeys(keys) if key]
    return "\n".join((*lines, *(f"* {sentence}" for sentence in _raw_remarks(types[0]))))


def _raw_remarks(kind: DetectorType) -> Iterator[str]:
    raw = kind.raw
    if kind.signal_plane is not None:
        yield "an analogue gain signal is stored beside each sample"
    if raw.adc_mask != 0xFFFF:
        yield f"a word holds the sample in the bits `{raw.adc_mask:#06x}`"
    if raw.gain_shift is not None:
        yield f"a word holds the gain bits from bit {raw.gain_shift} on"
    if raw.strips:
        yield "a frame is one row of strips"
    if raw.frames_per_entry:
        yield "a row of the file holds the frames of several memory cells"
    if raw.no_frame_cell is not None:
        yield f"memory cell {raw.no_frame_cell} marks a missing frame"


def _regions(kind: DetectorType) -> str:
    rows = [(region.name, "; ".join(f"{_span('row', *box[:2])}, {_span('column', *box[2:])}" for box in region.boxes),
             f"from pass {region.from_pass} on") for region in kind.regions]
    return _table(("region", "pixels", "flagged"), rows)


def _span(what: str, start: int, stop: int) -> str:
    return f"{what} {start}" if stop - start == 1 else f"{what}s {start} to {stop - 1}"


def _condition(kind: DetectorType) -> str:
    queried = {name for one in kind.calibrations.values() for name in kind.condition_of(one)}
    rows = [(f"`{p.flag}`", p.database_name, p.unit, p.takes, "" if p.text else f"{p.tolerance:g}",
             "" if p.left_out_at is None else p.left_out_at, "yes" if p.name in queried else "no, an attribute",
             p.help) for p in kind.condition]
    head = ("flag", "name in the database", "unit", "takes", "tolerance", "not stored at", "in queries", "meaning")
    return _table(head, rows)


def _method(family: Family, method: Method) -> list[str]:
    command = f"calibwb {family.name} {method.command} {_input_words(family, method)}--out-folder FOLDER"
    parts = [f"## {method.title}", inspect.cleandoc(method.__doc__ or ""), f"```\n{command}\n```"]
    said = (("Use when", method.use_when), ("Caution", method.caution))
    parts += [f"{what}: {text}" for what, text in said if text]
    if steps := method.steps_before():
        parts += ["### Steps", "In this order, each with its constants.", _steps(steps)]
        parts += _from_elsewhere(family, steps)
    parts += ["### Results", _results(method.results(family.kind))]
    constants = [one for one in method.outputs(family.kind) if isinstance(one, ConstantOutput)]
    if constants and family.kind:
        parts += ["### Constants", _constants(family.kind, constants)]
    if family.kind and (corrected := [o for o in method.outputs(family.kind) if isinstance(o, CorrectedOutput)]):
        parts += ["### Corrected files", _corrected(family.kind, corrected[0], method.steps_before())]
    rules = () if family.kind is None else method.rules(family.kind)
    if rules:
        parts += ["### Bad pixels", "A pixel is flagged where it does not keep one of these.", _rules(rules)]
    checks = [check.text for check in method.checks(family.kind)] if family.of_modules(method) else []
    if checks:
        parts += ["### Checks", "What is remarkable of a module is told in one list, with its numbers: in the log, "
                  "in the closing lines, in the notes of the maps, and in the provenance of the constants. None of "
                  "it refuses or changes a constant.", _checks(checks)]
    if presets := family.presets_of(method):
        parts += ["### Presets", "`--preset NAME` sets parameters that go together; flags override it.",
                  _presets(presets, method, [stage.short for stage in family.stages])]
    return [*parts, "### Parameters", _parameters(family, method)]


def _steps(steps: Sequence[Step]) -> str:
    head = ("step", "done", "needs", "takes if there", "unit", "use when", "caution")
    return _table(head, [
        (step.title, "yes" if step.on else "on request", *_names(step), step.unit_out, step.use_when, step.caution)
        for step in steps])


def _from_elsewhere(family: Family, steps: Sequence[Step]) -> list[str]:
    """Constants of steps that nothing here makes."""
    kinds = {kind.name: kind for step in steps for kind in step.takes if not kind.by_people}
    names = ", ".join(name for name, kind in kinds.items() if not family.makers_of(kind))
    return [f"No job of this family makes {names}: such constants come from elsewhere, as files."] if names else []


def _names(step: Step) -> tuple[str, str]:
    """Constants that a step needs, and those that it takes if they are there."""
    needs, optional = (", ".join(kind.name for kind in kinds) for kinds in (step.needs, step.optional))
    return needs, optional


def _corrected(kind: DetectorType, output: CorrectedOutput, steps: Sequence[Step]) -> str:
    """What a corrected file has, as :mod:`calib_core.jobs.corrected_files` makes it."""
    layout = kind.corrected_layout
    what = "corrected samples" if len(output.images) == 1 else "samples after {}"
    keys = [(one.key, "float32", one.unit, f"{what.format(', '.join(one.steps))}; NaN where there is no measurement")
            for one in output.images]
    keys += [(layout.mask, "uint32", "", "bad-pixel flags of each sample; 0 is good")]
    keys += [(one.key, np.dtype(one.dtype).name, "", one.help) for one in output.found]
    keys += [(layout.stage, "uint8", "", "gain stage of each sample, from 0")] if layout.stage else []
    keys += [(layout.dims, "uint64", "", "rows and columns of the images")] if layout.dims else []
    beside = layout.mask.rpartition(".")[0]
    keys += [_found(beside, step.title, step.of_frames) for step in steps if step.of_frames is not None]
    told = ("One file `CORR-…` for each raw file, with the same trains; beside them "
            "`calibration_metadata_<detector>.yml`.")
    rows = [(f"`{key}`", *rest) for key, *rest in keys]
    return f"{told}\n\n{_table(('key', 'dtype', 'unit', 'meaning'), rows)}"


def _found(group: str, title: str, finds: OfFrames) -> tuple[str, str, str, str]:
    """What a step finds of each frame, where it is on."""
    missing = f", NaN where {finds.refused}" if finds.refused else ""
    return f"{group}.{finds.key}", "float32", finds.unit, f"with “{title}”: {finds.help}{missing}"


def _rules(rules: Sequence[RuleText]) -> str:
    return _table(("flag", "statistic", "limit", "false alarms"), [
        (BadPixels(one.flag).label, one.what, one.limit, one.alarms) for one in rules])


def _checks(checks: Sequence[CheckText]) -> str:
    return _table(("check", "statistic", "told where", "false alarms", "why"), [
        (one.kind, one.statistic, one.limit, one.alarms, one.source) for one in checks])


def _presets(presets: Sequence[Preset], method: Method, stages: Sequence[str]) -> str:
    return _table(("preset", "what it does", "stands for", "source"), [
        (one.name, one.help, ", ".join(f"`{words}`" for words in as_words(method, one.values, stages)), one.source)
        for one in presets])


def _input_words(family: Family, method: Method) -> str:
    """Flags of all inputs that have to be given, with a blank behind them."""
    inputs = method.inputs(family.kind)
    words = ["--in-folder FOLDER"] if any(one.of == "raw" for one in inputs) else []
    words += [f"{one.flag} {'PATH' if one.of != 'raw' else '1-8' if one.many else 'N'}" for one in inputs
              if one.of == "raw" or not one.optional]
    return "".join(f"{word} " for word in words)


def _results(results: Sequence[Result]) -> str:
    return _table(("result", "unit", "over", "meaning"), [
        (one.title, one.unit, ", ".join(one.over), one.help) for one in results if not one.hidden])


def _constants(kind: DetectorType, outputs: Sequence[ConstantOutput]) -> str:
    known = kind.calibrations
    return _table(("constant", "name in the database", "unit", "dtype", "axes, slowest first", "meaning"), [
        (one.kind.name, known[one.kind.name].name, one.kind.unit, np.dtype(one.kind.dtype).name,
         ", ".join(known[one.kind.name].dims), one.kind.help) for one in outputs if one.kind.name in known])


def _parameters(family: Family, method: Method) -> str:
    known = sources(family.name.lower(), method.command.lower())
    stages = [stage.short for stage in family.stages]
    rows = [(f"`{_knob_flag(knob, stages)}`", _value(knob.default, stages), knob.unit,
             knob.range_text, knob.help + (" (for experts)" if knob.expert else ""), known.get(knob.name, ""))
            for knob in method.knobs()]
    return _table(("flag", "default", "unit", "range", "meaning", "source of the default"), rows)


def _knob_flag(knob: Knob, stages: Sequence[str]) -> str:
    """Flag on the command line; limits per stage have one for each stage."""
    names = ",".join(stage.lower() for stage in stages)
    if knob.kind != "limits_per_stage" or not stages:
        return knob.flag
    return f"{knob.flag}-{names}" if len(stages) == 1 else f"{knob.flag}-{{{names}}}"


def _value(value: Any, stages: Sequence[str]) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, tuple):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if value and isinstance(value[0], tuple):
        same = len(set(value)) == 1
        named = zip(stages, value, strict=False)
        return _value(value[0], ()) if same else "; ".join(f"{stage} {_value(one, ())}" for stage, one in named)
    return " to ".join(f"{one:g}" for one in value)


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} × {shape[1]}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Markdown table; a bar inside a value would end its column."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(value).replace("|", "\\|") for value in line) + " |" for line in lines)
