"""QR codes as a phone reads them: by a reader that shares no code with what draws them."""

from __future__ import annotations

import io
from typing import Protocol, cast

import zxingcpp
from PIL import Image


class _Read(Protocol):
    text: str


def seen(picture: bytes) -> Image.Image:
    """Return a picture as grey levels, transparency on a dark background as in a dark theme."""
    with Image.open(io.BytesIO(picture)) as image:
        colours = image.convert("RGBA")
    dark = Image.new("RGBA", colours.size, "black")
    return Image.alpha_composite(dark, colours).convert("L")


def scanned(picture: bytes) -> str:
    """Return what stands in the one code of a picture."""
    (code,) = cast("list[_Read]", zxingcpp.read_barcodes(seen(picture)))
    return code.text
