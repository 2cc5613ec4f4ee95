"""Jobs on the machines of a Ray cluster: each done at least once, whatever dies meanwhile.

Ray finds processors and tells when a process or machine is gone; which job goes where is decided here. A worker that died is not
waited for: its job goes to another one, and a new worker starts wherever the cluster has room. So doing a job twice must be
harmless.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from usnet.diagnosis.engine.protocol import cores
from usnet.errors import ConfigError, UsnetError
from usnet.extras import need

J = TypeVar("J")

LOCAL = "local"
ATTEMPTS = 3
"""Workers that may die over a job before it is given up."""
FALSE_STARTS = 5
"""Workers in a row that may end before they are ready."""
AHEAD = 2
"""Jobs that a worker has at a time: the next one is there when it is done with one, even if nobody looks."""
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 5.0
"""How often the machines are counted anew while no job ends."""
SYSTEM = {"worker_niceness": 0}
"""Ray's workers step back behind everything else (nice 15); here they are what the machine is for."""
STORE_BYTES = 80_000_000
"""Ray's least: results go through files, not through its object store."""

logger = logging.getLogger(__name__)


def need_ray() -> None:
    """Raise :class:`MissingExtra` where Ray is not installed, without importing it."""
    need("ray", extra="ray", feature="running on Ray workers")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected for the time of the block, without its usage statistics and dashboard.

    Parameters
    ----------
    address
        ``local`` starts Ray on this machine, on loopback, and ends it; ``ray://host:port`` is the client port of a running cluster,
        ``host:port`` the cluster that this machine is part of.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    ConfigError
        Nothing answers at that address.
    """
    need_ray()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address == LOCAL:
        quiet |= {"num_cpus": cores(), "object_store_memory": STORE_BYTES, "include_dashboard": False}
        quiet |= {"address": LOCAL, "_node_ip_address": "127.0.0.1", "_system_config": SYSTEM}
    else:
        quiet["address"] = address
    try:
        _check_answers(address)
        ray.init(**quiet)
    except Exception as error:  # Ray raises bare ones too, when it does not start in half a minute
        ray.shutdown()
        raise ConfigError(
            f"no Ray cluster answers ({_first_line(error)})",
            source=address,
            expected=f"{LOCAL}, ray://host:port or host:port",
            hint="Start one with 'ray start --head'; if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray tries for many minutes where nobody listens."""
    if address not in (LOCAL, "auto"):
        host, _, port = address.removeprefix("ray://").rpartition(":")
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


class Hand(Generic[J]):
    """One worker process: opens what it works with once, then does one job after another. Runs as a Ray actor."""

    def __init__(self, folder: str, make: Callable[[], Callable[[J], None]]) -> None:
        self._folder, self._make = folder, make

    def ready(self) -> None:
        """Go to the folder that relative paths count from, and open what jobs need."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise ConfigError(
                f"not on the machine {os.uname().nodename} ({error.strerror})",
                source=self._folder,
                hint="Workers need the files under the same paths: use a shared file system",
            ) from error
        self._work = self._make()

    def do(self, job: J) -> None:
        """Do one job."""
        self._work(job)


class Farm(Generic[J]):
    """Does jobs on a cluster.

    Parameters
    ----------
    ray
        The library, connected (:func:`connected`).
    make
        Called once in every worker; gives what does a job. It is pickled by name, so workers need the same version of usnet.
    processors
        Of each worker; fewer where no machine has as many.
    """

    def __init__(self, ray: Any, make: Callable[[], Callable[[J], None]], processors: int) -> None:
        self._ray, self._make, self._processors = ray, make, processors
        self._folder = os.getcwd()
        self._hands: list[Any] = []
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, tuple[Any, int]] = {}
        self._false_starts = 0

    def run(self, jobs: Sequence[J], ahead: int = AHEAD) -> Iterator[tuple[int, bool]]:
        """Numbers of jobs in the order in which they end; ``False`` where :data:`ATTEMPTS` workers died over one.

        Jobs are dealt out while this is iterated over, ``ahead`` to a worker; all that one has count as those it died over. What a
        job or ``make`` raises is raised here.

        Raises
        ------
        UsnetError
            Workers die again and again before they are ready.
        """
        waiting, deaths = deque(range(len(jobs))), Counter[int]()
        while waiting or self._busy:
            self._hire(len(waiting) + len(self._busy))
            for hand in self._free(ahead):
                if waiting:
                    number = waiting.popleft()
                    self._busy[hand.do.remote(jobs[number])] = hand, number
            for number, alive in self._ended():
                deaths[number] += not alive
                if alive or deaths[number] == ATTEMPTS:
                    yield number, alive
                else:
                    waiting.append(number)

    def close(self) -> None:
        """End the workers."""
        for hand in [*self._hands, *self._starting.values()]:
            self._ray.kill(hand)

    def _free(self, ahead: int) -> Iterator[Any]:
        """Workers that could take a job, those without any first, each as often as it could take one."""
        load = {id(hand): 0 for hand in self._hands} | Counter(id(hand) for hand, _ in self._busy.values())
        for level in range(ahead):
            yield from [hand for hand in self._hands if load[id(hand)] <= level]

    def _hire(self, jobs: int) -> None:
        """Start as many workers as the machines that are alive have room for, and as there are jobs."""
        found = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        each = min(self._processors, max(found, default=0))
        room = sum(cpus // each for cpus in found) if each else 0
        for _ in range(min(room, jobs) - len(self._hands) - len(self._starting)):
            kind = self._ray.remote(Hand).options(num_cpus=each, max_restarts=0)
            hand = kind.remote(self._folder, self._make)
            self._starting[hand.ready.remote()] = hand

    def _ended(self) -> Iterator[tuple[int, bool]]:
        """Jobs that have ended, and whether their worker lives; waits for the next end or start, but not for ever."""
        asked = [*self._starting, *self._busy]
        if not asked:  # no machine has room
            logger.warning("no machine of the cluster has a processor for a worker: waiting")
            time.sleep(LOOK_SECONDS)
            return
        for answer in self._ray.wait(asked, num_returns=1, timeout=LOOK_SECONDS)[0]:
            alive = self._outcome(answer)
            if answer in self._starting:
                self._started(self._starting.pop(answer), alive)
                continue
            hand, number = self._busy.pop(answer)
            if not alive:
                self._hands = [other for other in self._hands if other is not hand]
            yield number, alive

    def _started(self, hand: Any, alive: bool) -> None:
        self._false_starts = 0 if alive else self._false_starts + 1
        if alive:
            self._hands.append(hand)
        elif self._false_starts == FALSE_STARTS:
            raise UsnetError(
                f"{FALSE_STARTS} workers in a row ended before they were ready",
                hint="Is there enough memory, and the same usnet on every machine? Ray's own logs say why",
            )

    def _outcome(self, answer: Any) -> bool:
        """Whether the worker lived to give this answer; raises what it raised itself."""
        errors = self._ray.exceptions
        try:
            self._ray.get(answer)
        except errors.RayTaskError as error:
            raise error.cause from error
        except errors.RayError as error:
            logger.warning("a worker is gone: %s", _first_line(error))
            return False
        return True


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
