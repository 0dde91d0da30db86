"""Whether what a characterisation declares agrees with itself; asked when it is declared, not when it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from calib_core.axes import Result
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.unit import Context
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter

#: Flags that every command has; no knob, input or condition may have their names.
COMMON_FLAGS = (
    "constants", "help", "in-folder", "karabo-id", "keep-order", "memory-mb", "modules", "out-folder", "parts", "pdu",
    "preset", "proposal", "runs", "threads", "write-job",
)


def check(family: str, method: Method, kind: DetectorType | None) -> None:
    """Refuse a characterisation whose declarations do not agree.

    Parameters
    ----------
    family : str
        Name of the family, for the sentence.
    method : Method
    kind : DetectorType, optional
        One of the family's types; None for a family without any.

    Raises
    ------
    BadParameter
        One sentence with what does not agree.
    """
    for fault in _faults(method, kind):
        raise BadParameter(f"{family} {method.command} cannot be declared: {fault}.")


def _faults(method: Method, kind: DetectorType | None) -> Iterator[str]:
    results = {one.name: one for one in method.results(kind)}
    axes = {axis.name for axis in method.axes(_context(method, kind))}
    for one in results.values():
        yield from _of_result(one, axes, set(results))
    for output in method.outputs(kind):
        yield from _of_output(output, results, kind)
    for what, names in (("combine needs", method.combined(kind)), ("reasons look at", method.judged(kind))):
        yield from (f"{what} a result “{name}” that is not declared" for name in names if name not in results)
    yield from _of_names(method, kind)


def _context(method: Method, kind: DetectorType | None) -> Context:
    """What there would be of a detector with one memory cell and no run."""
    return Context(kind, (0,) if kind else ())


def _of_result(one: Result, axes: set[str], names: set[str]) -> Iterator[str]:
    yield from (f"the result “{one.name}” is over an axis “{axis}” that is not declared" for axis in one.over
                if axis not in axes)
    yield from (f"the result “{one.name}” names a result “{other}” that is not declared"
                for other in (one.error, one.count, one.scale_of, one.noise) if other and other not in names)
    if one.is_table and (one.pixels or one.over):
        yield f"the table “{one.name}” has pixels or axes beside its columns"


def _of_output(output: Output, results: dict[str, Result], kind: DetectorType | None) -> Iterator[str]:
    yield from (f"an output is made of a result “{name}” that is not declared" for name in output.results
                if name not in results)
    found = [results[name] for name in output.results if name in results]
    if isinstance(output, ConstantOutput):
        if kind is None:
            yield f"a constant {output.kind.name} needs a detector"
        yield from (f"the constant {output.kind.name} is made of “{one.name}”, which has no pixels" for one in found
                    if not one.pixels)
    else:
        yield from (f"a table is made of “{one.name}”, which has pixels" for one in found if one.pixels)


def _of_names(method: Method, kind: DetectorType | None) -> Iterator[str]:
    """Names that would be one flag of the command line."""
    flags = [one.flag[2:] for one in method.inputs(kind)]
    flags += [name for one in method.knobs() for name in _flags_of(one.flag[2:], one.kind, kind)]
    flags += [one.name.replace("_", "-") for one in kind.condition] if kind else []
    counts = Counter((*flags, *COMMON_FLAGS))
    yield from (f"two of its parameters, inputs and conditions are named --{flag}"
                for flag, number in counts.items() if number > 1)


def _flags_of(flag: str, what: str, kind: DetectorType | None) -> list[str]:
    if what == "bool":
        return [flag, f"no-{flag}"]
    stages = kind.stages if kind else ()
    return [f"{flag}-{stage.short.lower()}" for stage in stages] if what == "limits_per_stage" and stages else [flag]
