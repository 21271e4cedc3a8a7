"""`make run`, without its building: what it prints works."""

import os
import re
import select
import signal
import subprocess
import time

from harness import ROOT, START_SECONDS, Server, free_port


def test_what_it_prints_works(tmp_path):
    environment = Server(tmp_path / "data").environment() | {
        "MECAPY_LISTEN": f"127.0.0.1:{free_port()}",
    }
    process = subprocess.Popen(
        [ROOT / "tools/run"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed = ""
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in printed:
            ready, _, _ = select.select([process.stdout], [], [], 1.0)
            if ready:
                part = os.read(process.stdout.fileno(), 4096).decode()
                assert part, process.stderr.read().decode()
                printed += part
            assert time.monotonic() < deadline, printed
        command = re.search(r"(?ms)^  curl .*?\}\}'$", printed).group(0)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert '"result":{"contrainte":200' in done.stdout.replace(" ", ""), done.stdout + done.stderr
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)
        process.stdout.close()
        process.stderr.close()
