"""A first start that is killed at any moment can be followed by another."""

from __future__ import annotations

import os
import random
import time

from faults import check_database, check_swept, kill_while_starting
from harness import Server, deploy_code, execute

ROUNDS = 16
SEED = int(os.environ.get("FAULT_SEED", "20264"))


def test_a_first_start_that_was_killed_has_locked_nobody_out(tmp_path):
    """However far it came: the next start has a database, and an administrator whose token
    is known."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    began = time.monotonic()
    with Server(tmp_path / "first") as server:
        whole = time.monotonic() - began
        assert server.stop() == 0
    print(f"a first start takes {whole:.2f} s")
    for round in range(ROUNDS):
        server = Server(tmp_path / f"data-{round}")
        delay = whole * (round + chance.random()) / ROUNDS
        kill_while_starting(server, delay)
        with server:
            assert server.token_file.exists(), f"killed after {delay:.3f} s: nobody knows a token"
            with server.client() as client:
                me = client.get("/api/auth/me")
                assert me.status_code == 200, f"killed after {delay:.3f} s: {me.text}"
                assert me.json()["role"] == "admin"
                if round % 4 == 0:
                    code = "def calculate(a: float) -> dict:\n    return {'b': a}\n"
                    deploy_code(client, "area", code)
                    assert execute(client, "area", {"a": 1}).json()["result"] == {"b": 1.0}
            assert server.stop() == 0
        check_database(server.data, tmp_path)
        check_swept(server)


def test_a_first_start_that_was_killed_before_it_told_the_token(tmp_path):
    """The token is told, or another is made: an account whose token nobody knows is no use."""
    server = Server(tmp_path / "data")
    # Who opens it for writing waits for a reader, and there is none.
    os.mkfifo(server.token_file)
    kill_while_starting(server, 1.0)
    server.token_file.unlink()
    with server:
        assert server.token_file.exists(), "nobody knows a token"
        with server.client() as client:
            assert client.get("/api/auth/me").json()["role"] == "admin"
