"""Names of the original notebooks: what stands for them here, and what has no meaning here and is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from calib_core.errors import BadParameter
from calib_core.resource_files import RESOURCES, read_resource
from calib_core.typed import is_number, parse_number

_FOLDER = "originals"
_NO, _YES = ("false", "no", "off"), ("true", "yes", "on")
#: Begin of the next flag behind the values of one; numbers below zero are values.
_FLAG = re.compile(r"--|-[A-Za-z]")


class Original(Protocol):
    """What a parameter of the original notebooks means here."""

    def words(self, flag: str, values: Sequence[str]) -> list[str]:
        """Words that stand for a flag and its values.

        Raises
        ------
        BadParameter
            It asks for what is not done here; told without the flag's name.
        """

    def told(self, flag: str) -> str:
        """For the help; nothing where there is no line of its own."""


@dataclass(frozen=True)
class Renamed:
    """Other flags get its value.

    Attributes
    ----------
    flags : tuple of str
    unset : tuple of str, optional
        Values that leave it alone.
    numbers : bool
        Its values are a list of numbers, or of names that end in one, as those of modules.
    steps : bool
        Its values are those of a range: last, or first and last, or first, last and step.
    beside : tuple of str
        Further words where it has a value.
    form : str
        Its value as a part of that of the other flag, which several may have, such as ``name={}``.
    """

    flags: tuple[str, ...]
    unset: tuple[str, ...] | None = None
    numbers: bool = False
    steps: bool = False
    beside: tuple[str, ...] = ()
    form: str = ""

    def words(self, flag: str, values: Sequence[str]) -> list[str]:
        """Words that stand for a flag and its values."""
        if self.unset is not None and _plain(values) == _plain(self.unset):
            return []
        given = [",".join(_number(value) for value in values)] if self.numbers and values else values
        if self.form and values:
            given = [self.form.format(",".join(values))]
        if self.steps and values:
            given = [":".join(values if len(values) > 1 else ("", *values))]
        return [*(word for name in self.flags for word in (name, *given)), *self.beside]

    def told(self, flag: str) -> str:
        """For the help; nothing where it has the same name here."""
        form = (self.form.format(flag[2:].upper()),) if self.form else ()
        return "" if self.flags == (flag,) else f"{flag}: {' '.join((', '.join(self.flags), *form, *self.beside))}"


@dataclass(frozen=True)
class Chosen:
    """Each of its values stands for words; another is refused.

    Attributes
    ----------
    by_value : mapping
    why : str
        Why there is no other.
    """

    by_value: Mapping[tuple[str, ...], tuple[str, ...]]
    why: str

    def words(self, flag: str, values: Sequence[str]) -> list[str]:
        """Words that stand for a flag and its values."""
        for value, words in self.by_value.items():
            if _plain(value) == _plain(values):
                return list(words)
        allowed = " or ".join(map(_shown, self.by_value))
        raise BadParameter(f"{self.why}; give {allowed}, or leave it out.")

    def told(self, flag: str) -> str:
        """For the help; nothing where it has the same name here."""
        if any(flag in words for words in self.by_value.values()):
            return ""
        other = "changes nothing" if any(self.by_value.values()) else self.why
        lines = (f"{flag} {_shown(value)}: {' '.join(words) or other}" for value, words in self.by_value.items())
        return "\n  ".join(lines)


@dataclass(frozen=True)
class Ignored:
    """It has no meaning here."""

    why: str

    def words(self, flag: str, values: Sequence[str]) -> list[str]:
        """None."""
        return []

    def told(self, flag: str) -> str:
        """Nothing: the help tells all of them at once."""
        return ""


@cache
def original_names(family: str, method: str) -> Mapping[str, Original]:
    """Parameters of the original notebooks that a characterisation takes.

    Parameters
    ----------
    family, method : str
        In any case; a family without names of its own has the common ones.
    """
    found: dict[str, Any] = {}
    for name in ("common", family.lower()):
        if (RESOURCES / _FOLDER / f"{name}.yaml").is_file():
            sections = read_resource(_FOLDER, name)
            found |= {**sections.get("any", {}), **sections.get(method.lower(), {})}
    return {name: _meaning(entry) for name, entry in found.items()}


def told_of(names: Mapping[str, Original]) -> list[str]:
    """Lines of the help: what other names stand for, and which are ignored."""
    flags = {"--" + name.replace("_", "-"): original for name, original in names.items()}
    ignored = [flag for flag, original in flags.items() if isinstance(original, Ignored)]
    lines = [line for flag, original in flags.items() if (line := original.told(flag))]
    return [*lines, *([f"ignored, with the reason: {', '.join(ignored)}"] if ignored else [])]


def with_known_names(words: Iterable[str], names: Mapping[str, Original]) -> tuple[list[str], list[str]]:
    """Command line with flags of the original notebooks replaced by what they stand for, and what is to be told.

    Parameters
    ----------
    words : iterable of str
    names : mapping
        Of :func:`original_names`.

    Returns
    -------
    list of str
        The command line.
    list of str
        A sentence for each reason for which flags are ignored.

    Raises
    ------
    BadParameter
        A flag asks for what is not done here.
    """
    out, ignored, waiting = list[str](), dict[str, list[str]](), list(words)
    parts: dict[str, list[str]] = {}
    while waiting:
        flag, equals, value = (word := waiting.pop(0)).partition("=")
        original, off = _known(flag, names)
        if original is None:
            out.append(word)
            continue
        values = [value] if equals else []
        while not equals and not off and waiting and not _FLAG.match(waiting[0]):
            values.append(waiting.pop(0))
        try:
            found = original.words(flag, values or _as_switch(original, off))
            if isinstance(original, Renamed) and original.form and found:
                parts.setdefault(found[0], []).append(found[1])
            else:
                out += found
        except BadParameter as error:
            raise BadParameter(f"{' '.join((flag, *values))}: {error}") from error
        if isinstance(original, Ignored):
            ignored.setdefault(original.why, []).append(flag)
    for flag, texts in parts.items():
        out += [flag, ", ".join(texts)]
    return out, [f"{', '.join(flags)} {'is' if len(flags) == 1 else 'are'} ignored: {why}."
                 for why, flags in ignored.items()]


def _known(flag: str, names: Mapping[str, Original]) -> tuple[Original | None, bool]:
    """Meaning of a flag, and whether it is that of a switch with ``no-`` before its name."""
    name = flag[2:].replace("-", "_") if flag.startswith("--") else ""
    if name in names:
        return names[name], False
    positive = names.get(name.removeprefix("no_")) if name.startswith("no_") else None
    return (None, False) if isinstance(positive, Renamed | None) else (positive, True)


def _as_switch(original: Original, off: bool) -> list[str]:
    """Values of a flag that stands without any."""
    return [_NO[0] if off else _YES[0]] if isinstance(original, Chosen) else []


def _meaning(entry: Any) -> Original:
    """What an entry of the resources says."""
    if isinstance(entry, str | list):
        return Renamed(_flags(entry))
    if "ignored" in entry:
        return Ignored(entry["ignored"])
    if "only" in entry:
        return Chosen({_as_words(entry["only"]): ()}, entry["why"])
    if "choices" in entry:
        return Chosen({_as_words(value): tuple(words) for value, words in entry["choices"].items()}, entry["why"])
    if "switch" in entry:
        [flag] = _flags(entry["switch"])
        return Chosen({_YES[:1]: (flag,), _NO[:1]: (f"--no-{flag[2:]}",)}, "it is yes or no")
    how = next(name for name in ("is", "is_list", "is_steps") if name in entry)
    unset = _as_words(entry["unset"]) if "unset" in entry else None
    return Renamed(_flags(entry[how]), unset, how == "is_list", how == "is_steps",
                   tuple(entry.get("with", ())), entry.get("form", ""))


def _flags(names: str | list[str]) -> tuple[str, ...]:
    return tuple("--" + name.replace("_", "-") for name in ([names] if isinstance(names, str) else names))


def _as_words(value: Any) -> tuple[str, ...]:
    """Value of the resources as it is typed."""
    return tuple(str(one).lower() if isinstance(one, bool) else str(one)
                 for one in (value if isinstance(value, list) else [value]))


def _plain(values: Iterable[str]) -> tuple[str, ...]:
    """Values by which the same are found equal: numbers, and words for yes and no."""
    return tuple(_plain_word(value) for value in values)


def _plain_word(value: str) -> str:
    word = value.strip().lower()
    if word in (*_NO, *_YES):
        return _NO[0] if word in _NO else _YES[0]
    return repr(parse_number(word)) if is_number(word) else word


def _shown(values: Sequence[str]) -> str:
    return " ".join(one or '""' for one in values)


def _number(word: str) -> str:
    """Number of a module by its own or its aggregator's name; what has none stays as it is."""
    found = re.fullmatch(r"[A-Za-z_]+(\d+)", word)
    return str(int(found[1])) if found else word
