"""What a call costs over HTTP, with every task on disk: `make bench` prints it.

The load comes from `wrk`, a process of its own beside the server, on the same cores.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from harness import ROOT, Server, deploy_code

SECONDS = 5
ROWS = 1_000_000
SETTINGS = {
    "MECAPY_QUOTAS_CALLS_PER_MINUTE": "unlimited",
    "MECAPY_QUOTAS_CPU_SECONDS_PER_DAY": "unlimited",
    "MECAPY_QUOTAS_REQUESTS_PER_SECOND": "1000000",
    "MECAPY_QUOTAS_REQUESTS_BURST": "1000000",
    "MECAPY_LIMITS_QUEUE_LENGTH": "1000000",
    "MECAPY_LOG_FILTER": "warn",
}
CODE = "def calculate(length: float, width: float = 2.0) -> dict:\n    return {'area': length * width}\n"
LUA = """
wrk.method = os.getenv("METHOD")
wrk.body = os.getenv("BODY")
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. os.getenv("TOKEN")
if os.getenv("PREFER") ~= "" then wrk.headers["prefer"] = os.getenv("PREFER") end
local expected = tonumber(os.getenv("STATUS"))
local wrong = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
function response(status) if status ~= expected then wrong = wrong + 1 end end
function done(summary, latency, requests)
    local all = 0
    for _, thread in ipairs(threads) do all = all + (thread:get("wrong") or 0) end
    io.write(string.format("RESULT %f %f %f %f %d\\n", latency:percentile(50),
        latency:percentile(95), latency:percentile(99),
        summary.requests / (summary.duration / 1e6), all))
end
"""
LUA = LUA.replace("local wrong = 0", "wrong = 0")


def load(server, path, connections, *, method="POST", body="", prefer="", status=200, seconds=SECONDS):
    """One run of `wrk`: p50, p95 and p99 in milliseconds, and requests a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA)
        script.flush()
        environment = os.environ | {
            "TOKEN": server.token, "METHOD": method, "BODY": body, "PREFER": prefer,
            "STATUS": str(status),
        }
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, server.url + path],
            env=environment, capture_output=True, text=True, check=True,
        )
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\d+)", done.stdout)
    if not found:
        sys.exit(f"wrk said nothing that was expected:\n{done.stdout}{done.stderr}")
    p50, p95, p99, rate = (float(found.group(i)) for i in range(1, 5))
    if int(found.group(5)):
        sys.exit(f"{found.group(5)} answers were not {status}")
    return p50 / 1e3, p95 / 1e3, p99 / 1e3, rate


def line(name, p50, p95, p99, rate=None, aim=""):
    rate = f"{rate:10,.0f}/s" if rate is not None else " " * 12
    print(f"  {name:<46}{p50:9.2f} {p95:9.2f} {p99:9.2f} {rate}  {aim}", flush=True)


def percentiles(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1e3
    return at(0.5), at(0.95), at(0.99)


def calls(server, client):
    body = json.dumps({"inputs": {"length": 3}})
    path = "/api/functions/area/execute"
    load(server, path, 1, body=body, prefer="wait=10", seconds=1)
    floor = load(server, "/healthz", 1, method="GET", seconds=2)
    line("GET /healthz, 1 connection: HTTP alone", *floor)
    for connections, aim in ((1, "aim: p50 at most 1 ms"), (8, ""), (64, "aim: 2,000/s")):
        measured = load(server, path, connections, body=body, prefer="wait=10")
        name = f"call and wait, {connections} connection" + ("s" if connections > 1 else "")
        line(name, *measured, aim)
    times = []
    for _ in range(300):
        began = time.perf_counter()
        task = client.post(path, content=body, headers={"content-type": "application/json"}).json()
        # The last event ends the stream.
        with client.stream("GET", f"/api/tasks/{task['id']}/events") as events:
            for _ in events.iter_raw():
                pass
        times.append(time.perf_counter() - began)
    line("queued, submit to its last event heard", *percentiles(times))
    measured = load(server, path, 8, body=body, status=202, seconds=3)
    line("submit alone, 8 connections", *measured)
    began = time.perf_counter()
    while sum(queue_depth(client).values()):
        time.sleep(0.1)
    drained = time.perf_counter() - began
    count = measured[3] * 3
    print(f"  {'the rest of the queue':<46}{drained:9.1f} s, {count / (3 + drained):,.0f} tasks/s in all")


def queue_depth(client):
    text = client.get("/metrics").text
    found = re.findall(r'mecapy_queue_tasks\{class="(\w+)"\} (\S+)', text)
    return {name: float(number) for name, number in found}


def deploys(client):
    times = []
    for number in range(10):
        code = CODE + f"# {number}\n"
        began = time.perf_counter()
        deploy_code(client, "deployed", code)
        times.append(time.perf_counter() - began)
    line("deploy of inline code", *percentiles(times), aim="aim: at most 3 s")
    package = ROOT / "examples/structural-analysis"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "package"
        shutil.copytree(package, copy)
        times = []
        for number in range(5):
            (copy / "note.txt").write_text(str(number))
            archive = shutil.make_archive(f"{folder}/{number}", "zip", copy)
            began = time.perf_counter()
            with open(archive, "rb") as content:
                client.post("/api/functions", files={"archive": content}).raise_for_status()
            times.append(time.perf_counter() - began)
    line("deploy of examples/structural-analysis", *percentiles(times), aim="aim: at most 3 s")


def fill(server):
    """A million rows more, all of them copies of one task but for what tells tasks apart."""
    database = sqlite3.connect(server.data / "mecapy.db")
    columns = [row[1] for row in database.execute("PRAGMA table_info(tasks)")]
    one = database.execute(
        "SELECT * FROM tasks WHERE state = 'completed' ORDER BY created_at LIMIT 1"
    ).fetchone()
    at = {name: i for i, name in enumerate(columns)}
    start = one[at["created_at"]] - ROWS * 1_000
    last = database.execute("SELECT max(n) FROM tasks").fetchone()[0] if "n" in at else 0

    def rows():
        for number in range(ROWS):
            row = list(one)
            row[at["id"]] = uuid.uuid4().bytes
            if "n" in at:
                row[at["n"]] = last + 1 + number
            row[at["created_at"]] = start + number * 1_000
            if number % 1_000 == 0:
                row[at["state"]] = "failed"
            yield row

    marks = ",".join("?" * len(columns))
    with database:
        database.executemany(f"INSERT INTO tasks VALUES ({marks})", rows())
    database.execute("ANALYZE")
    database.close()


def lists(server, client):
    for name, query in (
        ("newest", ""),
        ("state=failed (0.1 %)", "&state=failed"),
        ("function_id=area", "&function_id=area"),
    ):
        measured = load(server, f"/api/tasks?limit=50{query}", 1, method="GET", seconds=2)
        line(f"50 of {ROWS:,} tasks: {name}", *measured, aim="aim: at most 20 ms")
    first = client.get("/api/tasks?limit=50&state=failed").json()
    cursor = first["next_cursor"]
    measured = load(server, f"/api/tasks?limit=50&state=failed&cursor={cursor}", 1, method="GET", seconds=2)
    line(f"50 of {ROWS:,} tasks: the next 50", *measured, aim="aim: at most 20 ms")


def main():
    if not shutil.which("wrk"):
        sys.exit("bench: `wrk` is missing: as root, run: apt-get install wrk")
    folder = tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target")
    try:
        print(f"The server over HTTP, {os.cpu_count()} cores, the load beside it; every task on disk\n")
        print(f"  {'':<46}{'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9}")
        with Server(Path(folder) / "data", settings=SETTINGS) as server:
            with server.client() as client:
                deploy_code(client, "area", CODE)
                calls(server, client)
                deploys(client)
            server.stop()
            fill(server)
            server.start()
            with server.client() as client:
                lists(server, client)
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
