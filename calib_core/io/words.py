"""Raw 16-bit words to samples: what stands beside the sample in a word is split off or masked, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import RawLayout
from calib_core.numerics.kernels import njit

Array = npt.NDArray[Any]

#: All bits of a word are the sample.
ALL_BITS = 0xFFFF
#: Key under which gain bits that stood in the words are handed to the descriptor.
BITS_KEY = "gain_bits"
_SIGN = 0x8000
#: Two bits tell the gain stage.
_STAGE = 3


def are_signed(raw: RawLayout, dtype: np.dtype[Any]) -> bool:
    """Tell whether stored words are signed samples.

    Parameters
    ----------
    raw : RawLayout
        With a mask or gain bits a word is a set of bits, whatever its type.
    dtype : dtype
        As stored in the file.
    """
    return dtype.kind == "i" and raw.adc_mask == ALL_BITS and raw.gain_shift is None


def split_words(raw: RawLayout, block: Array, bits: Array | None) -> None:
    """Leave the samples in a block of raw words and put their gain bits into ``bits``, both in place.

    Parameters
    ----------
    raw : RawLayout
        Says which bits are what; where a word is all sample nothing is done.
    block : (n, planes, slow_scan, fast_scan) uint16, C-contiguous
        Words; samples (ADU) afterwards.
    bits : (n, slow_scan, fast_scan) uint8, C-contiguous, optional
        Gain bits of plane 0; needed where the words hold them.
    """
    if raw.gain_shift is not None and bits is not None:
        if bits.shape != (block.shape[0], *block.shape[2:]):
            raise ValueError(f"gain bits {bits.shape} do not fit words {block.shape}")
        flat = bits.reshape(len(bits), -1)
        _bits_of(block.reshape(len(block), block.shape[1], -1), np.uint16(raw.gain_shift), flat)
    if raw.adc_mask != ALL_BITS:
        _mask(block.reshape(-1), np.uint16(raw.adc_mask))


def clip_negative(block: Array) -> None:
    """Set signed samples below 0 to 0 in place: they are no measurement.

    Parameters
    ----------
    block : (…) uint16, C-contiguous, ADU
        The bits of int16 samples. Of an array that is not contiguous only a copy would be changed.
    """
    _clip(block.reshape(-1))


def samples_of(raw: RawLayout, words: Array) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8] | None]:
    """Split single words into samples and gain bits.

    Parameters
    ----------
    raw : RawLayout
        Says which bits are what.
    words : (n,) integers of 16 bit
        As stored; signed ones below 0 become 0 where a word is all sample.

    Returns
    -------
    samples : (n,) uint16, ADU
    bits : (n,) uint8 or None
        0 to 3; None where the words hold none.
    """
    if are_signed(raw, words.dtype):
        return np.maximum(words, 0).astype(np.uint16), None
    plain = words.astype(np.uint16)
    bits = None if raw.gain_shift is None else ((plain >> np.uint16(raw.gain_shift)) & _STAGE).astype(np.uint8)
    return plain & np.uint16(raw.adc_mask), bits


@njit(nogil=True, cache=True)
def _bits_of(words, shift, bits):  # type: ignore[no-untyped-def]
    """Two bits from ``shift`` of words (n, planes, pixels) uint16, plane 0, into (n, pixels) uint8."""
    for frame in range(bits.shape[0]):
        source, target = words[frame, 0], bits[frame]
        for i in range(target.size):
            target[i] = np.uint8((source[i] >> shift) & np.uint16(_STAGE))


@njit(nogil=True, cache=True)
def _mask(words, mask):  # type: ignore[no-untyped-def]
    """Keep the bits of ``mask`` in flat uint16 words."""
    for i in range(words.size):
        words[i] &= mask


@njit(nogil=True, cache=True)
def _clip(words):  # type: ignore[no-untyped-def]
    """Zero flat uint16 words whose sign bit is set."""
    for i in range(words.size):
        words[i] = words[i] if words[i] < _SIGN else np.uint16(0)
