"""What corrected files have of a module of a detector type, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from calib_core.detector.raw_layout import RawLayout

#: Instead of the word of a step: what all steps make, where nothing is kept on the way.
ALL_STEPS = ""


@dataclass(frozen=True)
class CorrectedLayout:
    """Names of the keys of corrected samples and of what lies beside them.

    Attributes
    ----------
    images : mapping of str to str
        Keys of the samples, by the word of the step that makes them, in the order of the steps. What steps without
        a key make goes to the key before; one whose step is not done is not there.
    mask : str
        Key of the bad-pixel flags.
    stage : str
        Key of the gain stages; empty where there is but one.
    found : mapping of str to str
        Keys of images that steps find beside the samples, by their word.
    dims : str
        Key of the lengths of an image's axes; empty where files have none.
    source : tuple of (str, str)
        Parts of the name of the raw source, and what stands for each.
    """

    images: Mapping[str, str]
    mask: str
    stage: str = ""
    found: Mapping[str, str] = field(default_factory=dict)
    dims: str = ""
    source: tuple[tuple[str, str], ...] = (("/DET/", "/CORR/"), (":xtdf", ":output"))

    @classmethod
    def of(cls, raw: RawLayout, stages: bool) -> Self:
        """The usual names: samples under that of the raw ones, mask and gain stages beside them.

        Parameters
        ----------
        raw : RawLayout
        stages : bool
            Whether samples may be of several gain stages.
        """
        beside = raw.pixels.rpartition(".")[0]
        return cls({ALL_STEPS: raw.pixels}, f"{beside}.mask", f"{beside}.gain" if stages else "")

    def source_of(self, raw: str) -> str:
        """Name of the corrected source.

        Parameters
        ----------
        raw : str
            Name of the raw source.
        """
        for part, other in self.source:
            raw = raw.replace(part, other)
        return raw
