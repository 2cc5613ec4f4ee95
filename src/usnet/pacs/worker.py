"""A worker process: ``python -m usnet.pacs.worker node.toml [verbose]``. The node starts and watches them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import Any

from usnet.pacs.answering import Answering
from usnet.pacs.config import NodeConfig, load
from usnet.pacs.isolation import Sandbox, settings_of
from usnet.pacs.records import STUDY_JOB
from usnet.pacs.spool import Spool
from usnet.store.database import connect
from usnet.store.worker import work

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(config: NodeConfig, stop: threading.Event) -> int:
    """Work off studies until ``stop`` is set; returns how many attempts were made."""
    engine = connect(config.database, pool_size=3)
    spool = Spool(config.spool.folder, quota_mib=config.spool.quota_mib, reserve_mib=config.spool.reserve_mib)
    try:
        with Sandbox(settings_of(config), config.work.image_seconds) as sandbox:
            return work(
                engine,
                {STUDY_JOB: Answering(config, engine, spool, sandbox)},
                stop,
                lease=config.work.lease_seconds,
                base=config.work.back_off_seconds,
            )
    finally:
        engine.dispose()


def end_with_parent() -> None:
    """End this process when its standard input ends, which is when the process that started it is gone."""

    def wait() -> None:
        """Read until there is nothing more, and end."""
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(path: str, verbose: str = "") -> None:
    """Entry point."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format=LOG_FORMAT, stream=sys.stderr)
    quiet_libraries()
    end_with_parent()
    stop = threading.Event()

    def ask(_number: int, _frame: Any) -> None:
        """Let the job in hand come to its end, and stop."""
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the node, which tells its workers
    run(load(path), stop)


def quiet_libraries() -> None:
    """Keep the log to what an administrator can use: pynetdicom's and pydicom's details may name patients."""
    for name in ("pynetdicom", "pydicom", "highdicom", "dicomweb_client", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    main(*sys.argv[1:3])
