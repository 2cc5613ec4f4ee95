"""What the study pages keep in a running server: the studies' place, the committing thread, protocols and images once read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from starlette.applications import Starlette

from usnet.readers.commits import Commits
from usnet.readers.place import Place, frozen, open_place
from usnet.readers.protocol import Protocol
from usnet.readers.view import all_findings
from usnet.store.database import reading
from usnet.web.workplace import Workplace

_IMAGE_BYTES = 64 << 20
_STARTING = threading.Lock()


class StudyServer:
    """One for each server. ``protocol`` and ``image`` keep what can never change."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.commits = Commits(place)
        self._protocols: dict[str, Protocol] = {}
        self._findings: dict[str, dict[str, dict[str, Any]]] = {}
        self._images: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def protocol(self, study: str) -> Protocol:
        """The frozen protocol; raises :class:`~usnet.readers.place.StudyError` where there is no such study."""
        found = self._protocols.get(study)
        if found is None:
            found = self._protocols[study] = frozen(self.place, study)
        return found

    def findings(self, study: str) -> dict[str, dict[str, Any]]:
        """The model's findings by case."""
        found = self._findings.get(study)
        if found is None:
            with reading(self.place.engine) as session:
                found = self._findings[study] = all_findings(session, study)
        return found

    def image(self, sha256: str) -> bytes:
        """The bare PNG of a case."""
        with self._lock:
            found = self._images.get(sha256)
            if found is not None:
                self._images.move_to_end(sha256)
                return found
        content = self.place.blobs.path(sha256).read_bytes()
        with self._lock:
            if sha256 not in self._images:
                self._images[sha256] = content
                self._held += len(content)
            while self._held > _IMAGE_BYTES and len(self._images) > 1:
                self._held -= len(self._images.popitem(last=False)[1])
        return content


def study_server(app: Starlette) -> StudyServer:
    """The study server of an application, made at the first call."""
    with _STARTING:
        found = getattr(app.state, "study_server", None)
        if found is None:
            workplace: Workplace = app.state.workplace
            found = StudyServer(open_place(workplace.settings.data, engine=workplace.engine))
            app.state.study_server = found
    server: StudyServer = found
    return server
