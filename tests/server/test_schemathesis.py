"""Requests made up from the OpenAPI document: all checks, and nothing is found."""

import subprocess
import sys
from pathlib import Path

from harness import Server, deploy_code, execute

HERE = Path(__file__).parent
#: For each operation and phase: more finds more, and takes longer.
EXAMPLES = 20


def test_made_up_requests_find_nothing(tmp_path):
    with Server(tmp_path / "data", settings={"MECAPY_QUOTAS_REQUESTS_BURST": "1000000"}) as server:
        with server.client() as client:
            # Something that there is to be found.
            deploy_code(client, "area", "def calculate(a: float = 1.0) -> dict:\n    return {'b': a}\n")
            execute(client, "area", {"a": 1}).raise_for_status()
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file", HERE / "schemathesis.toml",
                "run", f"{server.url}/api/openapi.json",
                "--checks", "all",
                "--header", f"Authorization: Bearer {server.token}",
                "--max-examples", str(EXAMPLES),
                "--seed", "1",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:] + server.log_tail()
        with server.client() as client:
            assert client.get("/readyz").json()["ready"] is True
        log = server.log.read_text(errors="replace")
        assert "panicked" not in log and "internal error" not in log, server.log_tail()
