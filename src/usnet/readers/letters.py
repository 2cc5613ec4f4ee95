"""Invitations and reminders as mail-merge text: usnet sends no mail, the organiser's own program does."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path

from usnet.errors import DataError
from usnet.readers.enrolment import Invitation, Person
from usnet.readers.organiser import ReaderProgress

SUBJECT = {
    "en": "Reading study: {title}",
    "zh": "阅片研究：{title}",
}
INVITATION = {
    "en": """Dear {name},

you are invited to the reading study "{title}".

Address: {address}
Your code: {code}

The code is yours alone. You may stop and go on at any time, on any computer.
""",
    "zh": """{name}，您好！

诚邀您参加阅片研究“{title}”。

网址：{address}
您的邀请码：{code}

邀请码仅供您本人使用。您可以随时中断，并在任何计算机上继续。
""",
}
REMINDER = {
    "en": """Dear {name},

in the reading study "{title}" you have read {done} of {due} cases.
Please go on at {address} with your code.
""",
    "zh": """{name}，您好！

在阅片研究“{title}”中，您已完成 {due} 例中的 {done} 例。
请使用您的邀请码登录 {address} 继续阅片。
""",
}
COLUMNS = ("number", "email", "name", "language", "subject", "text")


def read_people(path: Path) -> list[Person]:
    """People from a CSV with any of the columns name, email, language, panel, account.

    Raises
    ------
    DataError
        The file cannot be read or has none of these columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            table = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", source=path) from error
    known = ("name", "email", "language", "panel", "account")
    if table and not set(known) & set(table[0]):
        raise DataError(f"columns {', '.join(table[0])}", source=path, expected=f"some of {', '.join(known)}")
    return [
        Person(
            (row.get("name") or "").strip(),
            (row.get("email") or "").strip(),
            (row.get("language") or "en").strip(),
            (row.get("panel") or "").strip() or None,
            (row.get("account") or "").strip() or None,
        )
        for row in table
    ]


def invitations(made: Sequence[Invitation], title: str, address: str) -> list[dict[str, str]]:
    """Rows of :data:`COLUMNS` and ``code``, one a reader."""
    rows = []
    for one in made:
        person = one.person
        name = person.name or f"reader {one.number}"
        language = person.language if person.language in INVITATION else "en"
        text = INVITATION[language].format(name=name, title=title, address=address, code=one.code)
        rows.append(
            {
                "number": str(one.number),
                "email": person.email,
                "name": person.name,
                "language": language,
                "subject": SUBJECT[language].format(title=title),
                "text": text,
                "code": one.code,
            }
        )
    return rows


def reminders(
    readers: Sequence[ReaderProgress], title: str, address: str, *, quiet_days: float = 3.0
) -> list[dict[str, str]]:
    """Rows of :data:`COLUMNS` for readers who could read now and have not for ``quiet_days``."""
    now, rows = time.time(), []
    for one in readers:
        waiting = one.opens_at is not None and one.opens_at > now
        recent = one.last_at is not None and now - one.last_at < 86400 * quiet_days
        if one.state in ("finished", "excluded") or waiting or recent:
            continue
        language = one.language if one.language in REMINDER else "en"
        name = one.name or f"reader {one.number}"
        text = REMINDER[language].format(
            name=name, title=title, address=address, done=one.answers, due=one.due or "all"
        )
        subject = SUBJECT[language].format(title=title)
        rows.append(
            {"number": str(one.number), "email": one.email, "name": one.name, "language": language, "subject": subject}
            | {"text": text}
        )
    return rows


def write_letters(rows: Sequence[dict[str, str]], path: Path) -> None:
    """Write rows as CSV, readable by mail-merge programs (UTF-8 with a mark); only the owner may read it."""
    import os

    columns = [*COLUMNS, "code"] if rows and "code" in rows[0] else list(COLUMNS)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
