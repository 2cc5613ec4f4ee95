"""One reader's whole way through a study over HTTP: code, consent, profile, every case of every open period."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from usnet.readers.simulation.http import Browser, expect

Answerer = Callable[[dict[str, Any], bytes], dict[str, Any]]
"""From the state of the page and the image's bytes to the answers (decision, probability, birads, active_s ...)."""


@dataclass(slots=True)
class Tally:
    """What all sessions did: seconds of each save, receipts by (reader, client key), saves that were repeated."""

    saves: list[float] = field(default_factory=list)
    receipts: dict[tuple[int, str], int] = field(default_factory=dict)
    repeated: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A simulated reader: number and code, what is told, and how cases are answered. ``think`` waits before each save; ``patience``
    is how long a lost server is waited for, in seconds; ``images``: also fetch what is shown."""

    number: int
    code: str
    years: float
    sex: str
    age_band: str
    answer: Answerer
    think: Callable[[], Awaitable[None]] | None = None
    patience: float = 60.0
    images: bool = True


async def come_in(browser: Browser, plan: Plan, study: str) -> None:
    """Code, consent, profile; each is safe to repeat."""
    await browser.get("/study")
    told = {"years": f"{plan.years:g}", "sex": plan.sex, "age_band": plan.age_band}
    steps = {
        "/study": {"code": plan.code},
        f"/study/{study}/consent": {"agree": "yes"},
        f"/study/{study}/profile": told,
    }
    for path, fields in steps.items():
        reply = await browser.form(path, **fields)
        if reply.status >= 500:
            raise ConnectionError(f"the server said {reply.status}")
        expect(reply, 303)


async def take_part(port: int, study: str, plan: Plan, tally: Tally) -> str:
    """Read until nothing is open; returns the last phase."""
    browser = Browser(port)
    try:
        await _patiently(plan, lambda: come_in(browser, plan, study))
        state = (await _patiently(plan, lambda: _get(browser, f"/api/study/{study}/state"))).json()
        while state["phase"] == "reading":
            state = await _one_case(browser, study, plan, tally, state)
        return str(state["phase"])
    finally:
        await browser.close()


async def _one_case(browser: Browser, study: str, plan: Plan, tally: Tally, state: dict[str, Any]) -> dict[str, Any]:
    picture = b""
    if plan.images and state["step"] == 0:
        picture = (await _patiently(plan, lambda: _get(browser, state["image"]))).body
    if plan.think is not None:
        await plan.think()
    place = {name: state[name] for name in ("period", "position", "step")}
    answer = place | {"client_key": secrets.token_hex(16), "touched": True} | plan.answer(state, picture)
    tries = 0

    async def save() -> dict[str, Any]:
        nonlocal tries
        tries += 1
        start = time.perf_counter()
        reply = await browser.send(f"/api/study/{study}/answer", answer)
        if reply.status >= 500:
            raise ConnectionError(f"the server said {reply.status}")
        tally.saves.append(time.perf_counter() - start)
        return expect(reply, 200).json()

    said = await _patiently(plan, save)
    tally.receipts[plan.number, str(answer["client_key"])] = int(said["entry"])
    tally.repeated += tries > 1
    after: dict[str, Any] = said["state"]
    return after


async def _get(browser: Browser, path: str) -> Any:
    reply = await browser.get(path)
    if reply.status >= 500:
        raise ConnectionError(f"the server said {reply.status}")
    return expect(reply, 200)


async def _patiently(plan: Plan, ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again while the line is lost, as the page does, with the same key."""
    end = time.monotonic() + plan.patience
    while True:
        try:
            return await ask()
        except ConnectionError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(random.uniform(0.05, 0.3))
