"""Lossless JPEG frames, decoded in a process of their own.

python-gdcm, the one decoder for them with a licence that suits a default, ends the whole process on some damaged streams instead of
raising. A batch must survive that, so it runs in a child process, one for a file: ``python -m usnet.images.isolated``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt

SECONDS = 60.0
"""Longest time for one frame; a decoder that needs more hangs."""


def decoded(frames: Iterator[bytes], options: dict[str, Any]) -> Iterator[npt.NDArray[Any]]:
    """Frames that pydicom decodes with ``options`` in a child process, one at a time.

    Raises
    ------
    ValueError
        The decoder failed, ended its process, or took more than :data:`SECONDS`.
    """
    command = [sys.executable, "-m", "usnet.images.isolated"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        for data in frames:
            yield _ask(child, data, options)
    finally:
        child.kill()
        child.communicate()


def _ask(child: subprocess.Popen[bytes], data: bytes, options: dict[str, Any]) -> npt.NDArray[Any]:
    if child.stdin is None or child.stdout is None:
        raise ValueError("no pipe to the decoder")
    timer = threading.Timer(SECONDS, child.kill)
    timer.start()
    try:
        child.stdin.write(json.dumps({"length": len(data), "options": options}).encode() + b"\n" + data)
        child.stdin.flush()
        answer = json.loads(child.stdout.readline() or b'{"error": "the decoder crashed"}')
        if "error" in answer:
            raise ValueError(answer["error"])
        values = np.frombuffer(child.stdout.read(answer["bytes"]), answer["dtype"])
        return values.reshape(answer["shape"])
    except BrokenPipeError:
        raise ValueError("the decoder crashed") from None
    finally:
        timer.cancel()


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Decode frames from ``requests`` until it ends: a line of JSON and the frame's bytes; answer in the same way."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["length"])
        options = request["options"] | {"transfer_syntax_uid": UID(request["options"]["transfer_syntax_uid"])}
        try:
            decoder = get_decoder(options["transfer_syntax_uid"])
            array, _ = decoder.as_array(encapsulate([data], has_bot=False), index=0, **options)
        except Exception as error:
            answers.write(json.dumps({"error": str(error) or type(error).__name__}).encode() + b"\n")
        else:
            head = {"dtype": array.dtype.str, "shape": array.shape, "bytes": array.nbytes}
            answers.write(json.dumps(head).encode() + b"\n" + array.tobytes())
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
