"""The process that opens files from strangers: reads headers, decodes, diagnoses, makes the results.

``python -m usnet.pacs.sandbox`` answers requests (a line of JSON each) from its standard input, under a limit on its memory. A file
that crashes it, or needs too much memory or time, costs one process and no study.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from usnet.errors import UnreadableImage, UsnetError
from usnet.values import Failure

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.diagnosis import Diagnoser
    from usnet.images import Limits

Request = dict[str, Any]
Answer = dict[str, Any]


class Server:
    """Answers requests; loads the model when the first object is to be diagnosed. ``settings`` see :func:`settings_of`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._diagnoser: Diagnoser | None = None

    def answer(self, request: Request) -> Answer:
        """One request; ``{"failed": reason}`` where it is the object's fault, ``{"error": ...}`` where it is not."""
        try:
            return {"head": self._head, "make": self._make, "hello": self._hello}[request["do"]](request)
        except MemoryError:
            return {"failed": f"it needs more memory than work.memory_mib = {self._settings['memory_mib']} allows"}
        except UnreadableImage as error:
            return {"failed": _without_source(error)}
        except UsnetError as error:
            return {"error": str(error), "exit_code": error.exit_code}
        except (
            OSError,
            ImportError,
        ) as error:  # a full disk, a broken installation: readers turn their own into UnreadableImage
            return {"error": f"{type(error).__name__}: {error}", "exit_code": 3}
        except RecursionError:
            return {"failed": "its sequences are nested too deeply"}
        except Exception as error:
            return {"failed": f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"}

    def _hello(self, _request: Request) -> Answer:
        from usnet.extras import need

        need("highdicom", extra="dicom", feature="DICOM results")
        diagnoser = self._model()
        model = diagnoser.bundle.identity
        return {"model": model.name, "sha256": model.sha256, "engine": diagnoser.description}

    def _head(self, request: Request) -> Answer:
        from usnet.dicom.source import header

        found = header(Path(request["path"]), limits=self._limits())
        return {"study": found.StudyInstanceUID, "series": found.SeriesInstanceUID, "sop": found.SOPInstanceUID}

    def _make(self, request: Request) -> Answer:
        from usnet.diagnosis.sources import Item
        from usnet.dicom import Instance, Options, instances, results

        stream = self._model().stream_frames([Item(Path(request["path"]), image_id=request["name"])])
        made = list(instances(stream))
        if not made or isinstance(made[0], Failure):
            return {"failed": made[0].reason if made and isinstance(made[0], Failure) else "it has no frame"}
        instance: Instance = made[0]
        options = Options(
            sr_class=self._settings["sr_class"], when=datetime.fromtimestamp(request["when"]).replace(microsecond=0)
        )
        objects = [
            self._store(one, kind) for kind, one in _by_kind(instance, self._settings["kinds"], options, results)
        ]
        findings = sum(1 for _ in instance.findings())
        return {"objects": objects, "findings": findings, "note": instance.failure}

    def _store(self, dataset: Dataset, kind: str) -> Answer:
        from usnet.store.blobs import Blobs

        target = io.BytesIO()
        dataset.save_as(target, enforce_file_format=True)
        data = target.getvalue()
        digest = Blobs(Path(self._settings["blobs"])).put([data])
        return {
            "kind": kind,
            "sop_instance_uid": str(dataset.SOPInstanceUID),
            "sop_class_uid": str(dataset.SOPClassUID),
            "series_uid": str(dataset.SeriesInstanceUID),
            "sha256": digest,
            "size": len(data),
        }

    def _limits(self) -> Limits:
        from usnet.images import Limits

        given = self._settings
        return Limits(max_bytes=given["bytes"], max_pixels=given["pixels"], max_frames=given["frames"])

    def _model(self) -> Diagnoser:
        if self._diagnoser is None:
            from usnet.diagnosis import Diagnoser

            given = self._settings
            limit_memory(None)  # the model is the administrator's; a large one is read with room to spare
            try:
                self._diagnoser = Diagnoser(
                    given["bundle"],
                    engine=given["engine"],
                    operating_point=given["operating_point"],
                    threads=given["threads"],
                    limits=self._limits(),
                )
            finally:
                limit_memory(given["memory_mib"])
        return self._diagnoser


def _by_kind(instance: Any, kinds: list[Any], options: Any, results: Any) -> Iterator[tuple[str, Dataset]]:
    for kind in kinds:
        for dataset in results(instance, (kind,), options):
            yield kind, dataset


def _without_source(error: UsnetError) -> str:
    """An error as a reason: the file's name in the spool says nothing to anybody."""
    text = str(error)
    return text.removeprefix(f"{error.source}: ") if error.source else text


def limit_memory(mebibytes: int | None) -> None:
    """Bound this process's address space, or lift the bound; where the system has none (Windows) nothing is done."""
    try:
        import resource
    except ImportError:
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most if mebibytes is None else mebibytes << 20, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the requests end. The first line holds the settings."""
    settings = json.loads(requests.readline())
    limit_memory(settings["memory_mib"])
    server = Server(settings)
    while line := requests.readline():
        answers.write(json.dumps(server.answer(json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not become an answer
    serve(sys.stdin.buffer, output)
