"""What detectors share whose modules write extended train data, each as a channel of its own."""

from __future__ import annotations

from collections.abc import Mapping

from calib_core.detector import Array, RawLayout


def channels(detector: str, aggregator: str, adc_mask: int = 0xFFFF, gain_shift: int | None = None) -> RawLayout:
    """Raw data of the detectors whose name has ``detector`` in it after their instrument."""
    return RawLayout(
        source=rf"(?P<detector>\w+_{detector}[^/]*)/DET/(?P<module>\d+)CH0:xtdf",
        source_format="{detector}/DET/{module}CH0:xtdf",
        aggregator=aggregator + "{module:02d}",
        group="image",
        pixels="image.data",
        cell="image.cellId",
        pulse="image.pulseId",
        train="image.trainId",
        adc_mask=adc_mask,
        gain_shift=gain_shift,
    )


def encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    """Arrays by key where a word is a sample and nothing else."""
    return {"image.data": block}
