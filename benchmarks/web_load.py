"""Fifty people diagnose and fifty annotate for two minutes, against one server on loopback; prints what they waited for.

::

    python benchmarks/web_load.py [--seconds 120] [--people 50] [--data FOLDER]

Of those who save, three of four annotate an image and one of four writes an assessment, each once a second. Every save is
checked at the end. A person who is told that the queue is full (429) waits as long as the answer says.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from contextlib import closing
from functools import cache
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.web_server import Server, serving
from usnet.phantoms.simulate import simulate
from usnet.phantoms.writing import write_dataset

Times = dict[str, list[float]]
PAGE = {"accept": "text/html"}


class Crowd:
    """What all people measured together."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.server, self.end = server, time.monotonic() + seconds
        self.times: Times = defaultdict(list)
        self.codes: Counter[str] = Counter()
        self.saved: dict[str, int] = {}
        self.lock = threading.Lock()

    def client(self) -> httpx.Client:
        """A browser with its token."""
        client = httpx.Client(base_url=self.server.url, timeout=120)
        found = re.search(r'name="csrf" content="([0-9a-f]+)"', client.get("/account").text)
        client.headers["x-csrf-token"] = found[1] if found else ""
        return client

    def timed(self, what: str, client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
        """One request, its time and its status."""
        start = time.perf_counter()
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
        with self.lock:
            self.times[what].append(time.perf_counter() - start)
            self.codes[f"{what} {answer.status_code}"] += 1
        return answer

    def diagnosing(self, number: int) -> None:
        """Upload, look at the waiting page, look at the findings."""
        picture = _picture(number % 8)
        with closing(self.client()) as client:
            while time.monotonic() < self.end:
                answer = self.timed("upload", client, "POST", "/api/diagnose", content=picture)
                if answer.status_code == 429:
                    time.sleep(min(20.0, float(answer.headers["retry-after"])))
                    continue
                exam = answer.json()["exam"]
                while time.monotonic() < self.end:
                    time.sleep(2.0)
                    if self.timed("page", client, "GET", f"/exams/{exam}").status_code == 303:
                        break

    def saving(self, path: str, number: int) -> None:
        """Save every second: an annotation of one image, or the assessment of one view."""
        version = 0
        annotation = path.startswith("/api/annotate/")
        with closing(self.client()) as client:
            while time.monotonic() < self.end:
                given: dict[str, object] = {"version": version, "fields": {"remarks": f"{number} {version}"}}
                if annotation:
                    mark = {"box": [number, version % 100, 50, 40], "pathology": "benign"}
                    given = {"key": uuid.uuid4().hex, "version": version, "body": {"marks": [mark]}}
                answer = self.timed("annotate" if annotation else "assess", client, "PUT", path, json=given)
                if answer.status_code == 200:
                    version = self.saved[path] = answer.json()["version"]
                time.sleep(1.0)


def main() -> None:
    """Run the crowd and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--people", type=int, default=50, help="of each kind")
    parser.add_argument("--data", type=Path, default=None)
    arguments = parser.parse_args()
    data = arguments.data or Path(tempfile.mkdtemp()) / "data"
    root = Path(tempfile.mkdtemp())
    write_dataset(root / "set", arguments.people - arguments.people // 4, 7, size=(300, 384))
    with serving(data, "--workers", "2", "--root", str(root)) as server:
        paths = _images(server) + _views(server, arguments.people // 4)
        crowd = Crowd(server, arguments.seconds)
        before = _memory(server)
        people = [threading.Thread(target=crowd.diagnosing, args=(n,)) for n in range(arguments.people)]
        people += [threading.Thread(target=crowd.saving, args=(path, n)) for n, path in enumerate(paths)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        lost = _lost(crowd)
        after = _memory(server)
    for what, values in sorted(crowd.times.items()):
        p50, p95 = np.percentile(values, [50, 95])
        print(
            f"{what:8s} n {len(values):5d}  p50 {1000 * p50:6.0f} ms  p95 {1000 * p95:6.0f} ms  max {1000 * max(values):6.0f} ms"
        )
    print("answers ", dict(sorted(crowd.codes.items())))
    print(f"saves   {sum(crowd.saved.values())} acknowledged, {lost} lost")
    print(f"server  {before} MiB before, {after} MiB after")


def _images(server: Server) -> list[str]:
    """An image for each person who annotates, of a project made on the page."""
    crowd = Crowd(server, 0)
    with closing(crowd.client()) as client:
        spot = re.search(r'<option value="([^"]+)">[^<]*set', client.get("/annotate", headers=PAGE).text)
        form = {
            "spot": spot[1] if spot else "",
            "name": "load",
            "start": "empty",
            "csrf": client.headers["x-csrf-token"],
        }
        project = client.post("/annotate", data=form, headers=PAGE).headers["location"].rpartition("/")[2]
        address = f"/api/annotate/{project}"
        while client.get(address).json()["state"] != "ready":
            time.sleep(0.1)
        return [f"{address}/images/{row['image']}" for row in client.get(f"{address}/images").json()]


def _views(server: Server, count: int) -> list[str]:
    """A view for each of the others who save."""
    crowd, found = Crowd(server, 0), []
    with closing(crowd.client()) as client:
        for _ in range(count):
            exam = client.post("/api/diagnose", content=_picture(0)).json()["exam"]
            while (status := client.get(f"/api/exams/{exam}").json())["state"] != "done":
                time.sleep(0.1)
            found.append(f"/api/exams/{exam}/views/{status['views'][0]['view']}/assessment")
    return found


@cache
def _picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(simulate(seed).pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def _lost(crowd: Crowd) -> int:
    with closing(crowd.client()) as client:
        return sum(client.get(path).json()["version"] < version for path, version in crowd.saved.items())


def _memory(server: Server) -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
