"""What is looked at before a file is decoded, so that no file can exhaust the machine."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ImageFile

from usnet.errors import UnreadableImage

MEBIBYTE = 1 << 20


def refuse_truncated() -> None:
    """Make Pillow refuse images that end early.

    Its switch is one for the whole process, and other libraries turn it (WeasyPrint does when it is imported): the missing part
    of an image would be filled with grey and diagnosed. So it is turned back before every decoding.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on an input, each checked before the memory that it guards is used.

    Parameters
    ----------
    max_bytes
        Size of the file. 2 GiB is the largest pixel element of a DICOM file without fragments; longer cine loops do not
        occur on breast scanners.
    max_pixels
        Pixels of one frame. 40 million is eight times the largest ultrasound screen (2560 x 2048) and 160 MB as RGBA.
    max_frames
        Frames of one file. A minute of cine at 60 frames a second has 3,600.
    max_inflated_bytes
        A deflated DICOM file after inflation, which is held in memory at once. 256 MiB is 85 colour frames of 1 megapixel;
        nobody deflates longer loops.
    """

    max_bytes: int = 2048 * MEBIBYTE
    max_pixels: int = 40_000_000
    max_frames: int = 4_096
    max_inflated_bytes: int = 256 * MEBIBYTE

    def check_bytes(self, count: int, source: str) -> None:
        """Raise :class:`UnreadableImage` for an empty file or one above ``max_bytes``."""
        if count == 0:
            raise UnreadableImage(
                "the file is empty (0 bytes)", source=source, expected="an image", hint="Copy or export it again"
            )
        if count > self.max_bytes:
            raise UnreadableImage(
                f"the file has {count} bytes",
                source=source,
                expected=f"at most {self.max_bytes}",
                hint="Raise Limits.max_bytes if you trust the file",
            )

    def check_pixels(self, width: int, height: int, source: str) -> None:
        """Raise :class:`UnreadableImage` for a frame without pixels or above ``max_pixels``."""
        if width < 1 or height < 1:
            raise UnreadableImage(f"the frame is {width} x {height} pixels", source=source, expected="at least 1 x 1")
        if width * height > self.max_pixels:
            raise UnreadableImage(
                f"the frame is {width} x {height} pixels, {width * height} in all",
                source=source,
                expected=f"at most {self.max_pixels} pixels",
                hint="Raise Limits.max_pixels if you trust the file",
            )

    def check_frames(self, count: int, source: str) -> None:
        """Raise :class:`UnreadableImage` for a file without frames or with more than ``max_frames``."""
        if not 1 <= count <= self.max_frames:
            raise UnreadableImage(
                f"the file says it has {count} frames",
                source=source,
                expected=f"1 to {self.max_frames}",
                hint="Raise Limits.max_frames if you trust the file" if count > 0 else None,
            )
