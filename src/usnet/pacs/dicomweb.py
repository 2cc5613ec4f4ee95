"""QIDO-RS, WADO-RS and STOW-RS to an archive whose root URL the configuration names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from usnet.errors import ConfigError, PacsError
from usnet.pacs.archive import LEVEL_FIELDS, Level, Place
from usnet.pacs.config import WebPeer

logging.getLogger("dicomweb_client").setLevel(logging.WARNING)
SECONDS = 60.0
_NOTHING_FOUND = (204, 404)


class OneOrigin(requests.Session):
    """A session that follows no redirect and reads no proxy or password from its surroundings: where the token goes is fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0


class WebLink:
    """A DICOMweb archive. See :class:`usnet.pacs.archive.Link`; nothing is sent before it is used."""

    def __init__(self, peer: WebPeer, label: str) -> None:
        self.label = f"{label} ({peer.url})"
        session = OneOrigin()
        if peer.authorities is not None:
            session.verify = str(peer.authorities)
        if peer.token_file is not None:
            session.headers["Authorization"] = f"Bearer {peer.token_file.read_text(encoding='utf-8').strip()}"
        elif peer.user_file is not None:
            session.auth = _user(peer.user_file)
        self._session = session
        self._client = DICOMwebClient(peer.url, session=session, timeout=SECONDS)
        self._client.set_http_retry_params(retry=False)  # the job is tried again as a whole

    def __enter__(self) -> WebLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def echo(self) -> None:
        """Ask for one study: DICOMweb has no C-ECHO."""
        with _words(self.label, "QIDO-RS"):
            self._client.search_for_studies(limit=1)

    def has(self, places: Iterable[Place]) -> set[str]:
        """QIDO-RS for the instances of each series."""
        ordered = sorted(places, key=lambda place: (place.study, place.series))
        found: set[str] = set()
        for (study, series), wanted in groupby(ordered, key=lambda place: (place.study, place.series)):
            answers = self.find("image", {"StudyInstanceUID": study, "SeriesInstanceUID": series})
            found |= {str(answer.get("SOPInstanceUID", "")) for answer in answers} & {p.instance for p in wanted}
        return found

    def store(self, path: Path) -> None:
        """STOW-RS of one file. That the archive answers 'stored' is not believed: ask :meth:`has`."""
        dataset = dcmread(path)
        with _words(self.label, "STOW-RS"):
            answer = self._client.store_instances([dataset])
        failed = answer.get("FailedSOPSequence")
        if failed:
            reason = failed[0].get("FailureReason")
            raise PacsError(
                f"STOW-RS was refused: reason {'unknown' if reason is None else f'0x{int(reason):04X}'}",
                source=self.label,
            )

    def find(self, level: Level, filters: dict[str, str], fields: Iterable[str] = ()) -> Iterator[Dataset]:
        """QIDO-RS; at the levels series and image the filters must hold the UIDs above."""
        rest = {keyword: value for keyword, value in filters.items() if value}
        study = rest.pop("StudyInstanceUID", None) if level in ("series", "image") else None
        series = rest.pop("SeriesInstanceUID", None) if level == "image" else None
        options: dict[str, Any] = {"search_filters": rest, "fields": [*LEVEL_FIELDS[level], *fields]}
        with _words(self.label, "QIDO-RS", empty=_NOTHING_FOUND):
            if level in ("patient", "study"):
                answers = self._client.search_for_studies(**options)
            elif level == "series":
                answers = self._client.search_for_series(study, **options)
            else:
                answers = self._client.search_for_instances(study, series, **options)
            for answer in answers:
                yield _dataset(answer)

    def instances(self, study: str) -> Iterator[Dataset]:
        """WADO-RS: the objects of a study, one request each, so that one is in memory at a time.

        Only encodings are asked for that cannot unpack to more than they are: no deflated one.
        """
        from usnet.pacs.contexts import SYNTAXES

        wanted = tuple(("application/dicom", str(syntax)) for syntax in SYNTAXES)
        for place in list(self.find("image", {"StudyInstanceUID": study})):
            with _words(self.label, "WADO-RS"):
                yield self._retrieve(study, str(place.SeriesInstanceUID), str(place.SOPInstanceUID), wanted)

    def _retrieve(self, study: str, series: str, instance: str, wanted: tuple[tuple[str, str], ...]) -> Dataset:
        """In the stored encoding where the archive gives it, else in its default one."""
        try:
            return self._client.retrieve_instance(study, series, instance, (("application/dicom", "*"),))
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code not in (400, 406):
                raise
            return self._client.retrieve_instance(study, series, instance, wanted)


class _words:
    """Turns what requests raises into a :class:`PacsError`; an ``empty`` status ends the block without one."""

    def __init__(self, label: str, name: str, empty: tuple[int, ...] = ()) -> None:
        self._label, self._name, self._empty = label, name, empty

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, requests.RequestException):
            return False
        code = error.response.status_code if error.response is not None else None
        if code in self._empty:
            return True
        raise PacsError(_reason(error, code, self._name), source=self._label, hint=_hint(error, code)) from error


def _reason(error: requests.RequestException, code: int | None, name: str) -> str:
    if isinstance(error, requests.TooManyRedirects):
        return f"{name}: answered with a redirect, which is not followed"
    if code is not None:
        return f"{name}: answered with HTTP status {code}"
    return f"{name}: not reachable ({type(error).__name__})"


def _hint(error: requests.RequestException, code: int | None) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "Check the archive's certificate and 'authorities' of this peer"
    return {
        401: "Check the token_file or user_file of this peer",
        403: "This user may not do that; ask the archive's administrator",
        404: "Check the url of this peer: it must end in the DICOMweb root",
        406: "The archive does not give or take this media type",
        413: "The object is larger than the archive, or a proxy before it, allows",
    }.get(
        code or 0, "Check that it runs, its url, and the firewalls between" if code is None else "See the archive's log"
    )


def _user(file: Path) -> tuple[str, str]:
    name, colon, word = file.read_text(encoding="utf-8").strip().partition(":")
    if not colon:
        raise ConfigError("no user:password", source=file)
    return name, word


def _dataset(answer: dict[str, Any]) -> Dataset:
    """DICOM JSON without what is not understood."""
    known = {tag: value for tag, value in answer.items() if not Tag(int(tag, 16)).is_private}
    return Dataset.from_json(known, bulk_data_uri_handler=lambda _uri: None)
