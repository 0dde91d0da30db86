"""What a folder of constants holds: its sets, and which of them are not whole, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calib_core.plain_text import shown
from calib_core.store.constants import STORE
from calib_core.store.manifests import SetOnDisk, list_sets


@dataclass(frozen=True)
class SetsReport:
    """Sets below a folder, manifests that cannot be read, and the number of constants that no manifest names."""

    path: Path
    sets: Sequence[SetOnDisk]
    trouble: Sequence[str]
    others: int
    error: str = ""

    @property
    def unusable(self) -> str:
        """Sentence on why there is nothing to tell; empty where there is."""
        return self.error

    @property
    def whole(self) -> bool:
        """Whether every set is complete, with all of its files there."""
        return not self.trouble and all(one.whole for one in self.sets)

    def text(self) -> str:
        """Lines for a terminal."""
        lines = [f"Constants  {self.path}", *(line for one in self.sets for line in _lines(one))]
        lines += [f"  ! {text}" for text in self.trouble]
        return "\n".join(map(shown, lines + ([f"  {self.others} constants of no set"] if self.others else [])))

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {"constants": str(self.path), "trouble": list(self.trouble), "of_no_set": self.others, "sets": [
            {"manifest": str(one.path), "whole": one.whole, "being_written": one.being_written,
             "there": [member.path for member in one.there], "sentence": one.sentence(),
             **one.manifest.model_dump(mode="json")} for one in self.sets]}


def holds_sets(path: Path) -> bool:
    """Whether a folder is one that jobs write constants into, and no run."""
    return (path / STORE).is_dir()


def look_at_sets(path: Path) -> SetsReport:
    """Take stock of a folder of constants."""
    found, trouble = list_sets(path)
    named = {one.folder / member.path for one in found for member in one.there}
    files = {file for file in (path / STORE).glob("*/*/cal.*.h5")}
    nothing = "" if found or trouble or files else (
        f"{path} has no constants: there are no files {STORE}/<type>/<unit>/cal.*.h5.")
    return SetsReport(path, found, trouble, len(files - named), nothing)


def _lines(one: SetOnDisk) -> list[str]:
    manifest = one.manifest
    head = (f"  {manifest.started:%Y-%m-%d %H:%M:%S} UTC  {manifest.job} of {manifest.detector}: "
            f"{len(one.there)} of {len(manifest.members)} constants")
    lines = [f"{head}, complete" if one.whole else head]
    lines += [] if one.whole else [f"    ! {one.sentence()}"]
    return lines + [f"    ! Module {number} took no part: {why}" for number, why in manifest.left_out.items()]
