"""The program's commands, its start and its stop."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from harness import Server, deploy_code, execute, wait_until_final


def test_a_stop_in_order_loses_nothing(tmp_path):
    with Server(tmp_path / "data") as server:
        with server.client() as client:
            deploy_code(client, "area", "def calculate(a: float) -> dict:\n    return {'b': a * 2}\n")
            task = execute(client, "area", {"a": 4}).json()
            assert task["result"] == {"b": 8.0}
        assert server.stop() == 0
        assert not (server.data / "unclean").exists()
        server.start()
        with server.client() as client:
            assert client.get(f"/api/tasks/{task['id']}").json()["result"] == {"b": 8.0}
        assert server.stop() == 0
        done = server.command("gc")
        assert "orphans: 0" in done.stdout, done.stdout + done.stderr


def test_one_data_folder_has_one_server(tmp_path):
    with Server(tmp_path / "data") as server:
        done = server.command("--listen", "127.0.0.1:0", "serve")
        assert done.returncode != 0
        assert "in use by another server" in done.stderr


def test_backup_and_restore(tmp_path):
    archive = tmp_path / "backup.tar.zst"
    with Server(tmp_path / "data") as server:
        with server.client() as client:
            deploy_code(client, "area", "def calculate(a: float) -> dict:\n    return {'b': a * 2}\n")
            client.post(
                "/api/files?key=a/b.txt", content=b"content",
                headers={"content-type": "text/plain"},
            ).raise_for_status()
        done = server.command("backup", str(archive))
        assert done.returncode == 0, done.stderr
        token = server.token
    other = Server(tmp_path / "other")
    try:
        done = other.command("restore", str(archive))
        assert done.returncode == 0, done.stderr
        other.token_file.write_text(token)
        other.start()
        with other.client(follow_redirects=True) as client:
            assert execute(client, "area", {"a": 1}).json()["result"] == {"b": 2.0}
            assert client.get("/api/files/a/b.txt").content == b"content"
        done = other.command("restore", str(archive))
        assert done.returncode != 0
        # Nor where a log was left: it would be taken for that of the new database.
        assert other.stop() == 0
        for left in ("mecapy.db-wal", "mecapy.db-shm"):
            third = Server(tmp_path / left)
            third.data.mkdir()
            (third.data / left).write_bytes(b"left")
            done = third.command("restore", str(archive))
            assert done.returncode != 0 and left in done.stderr, done.stderr
            assert [path.name for path in third.data.glob("mecapy.db*")] == [left]
    finally:
        other.close()


def test_a_backup_beside_work_is_whole(tmp_path):
    """Files come and go while it is made; all that it has can be read."""
    with Server(tmp_path / "data") as server:
        stop = threading.Event()

        def come_and_go() -> None:
            with server.client() as client:
                number = 0
                while not stop.is_set():
                    number += 1
                    content = f"content {number}".encode() * 1000
                    answer = client.post(
                        f"/api/files?key=a/{number % 20}", content=content,
                        headers={"content-type": "text/plain"},
                    )
                    assert answer.status_code == 201, answer.text
                    client.delete(f"/api/files/a/{(number + 7) % 20}")

        with server.client() as client:
            # There from the first backup on.
            client.post("/api/files?key=kept", content=b"kept").raise_for_status()
        with ThreadPoolExecutor(2) as pool:
            working = [pool.submit(come_and_go) for _ in range(2)]
            try:
                for number in range(4):
                    done = server.command("backup", str(tmp_path / f"{number}.tar.zst"))
                    assert done.returncode == 0, done.stderr
                    done = server.command("gc")
                    assert done.returncode == 0, done.stderr
            finally:
                stop.set()
            for one in working:
                one.result()
        token = server.token
    for number in (0, 3):
        other = Server(tmp_path / f"other-{number}")
        done = other.command("restore", str(tmp_path / f"{number}.tar.zst"))
        assert done.returncode == 0, done.stderr
        other.token_file.write_text(token)
        with other, other.client(follow_redirects=True) as client:
            files = client.get("/api/files?limit=200").json()["items"]
            assert files
            for file in files:
                content = client.get(f"/api/files/{file['key']}").raise_for_status().content
                assert hashlib.sha256(content).hexdigest() == file["sha256"]
        done = other.command("gc", "--dry-run")
        assert "orphans: 0 " in done.stdout, done.stdout + done.stderr


def test_the_page_s_examples_can_be_sent(tmp_path):
    """The bodies that the API's page fills in, as they stand there."""
    with Server(tmp_path / "data") as server, server.client() as client:
        document = client.get("/api/openapi.json").json()

        def example(method: str, path: str) -> dict:
            operation = document["paths"][path][method]
            content = operation["requestBody"]["content"]["application/json"]
            schema = content["schema"]
            name = schema["$ref"].removeprefix("#/components/schemas/")
            return document["components"]["schemas"][name]["example"]

        def send(method: str, path: str, **parts: str) -> httpx.Response:
            answer = client.request(
                method, path.format(**parts), json=example(method, path),
                headers={"prefer": "wait=30"},
            )
            assert answer.status_code < 300, (path, answer.text)
            return answer

        assert send("post", "/api/functions").json()["id"] == "area"
        path = "/api/functions/{id}/execute"
        names = document["paths"][path]["post"]["parameters"]
        assert [one["example"] for one in names if one["name"] == "id"] == ["area"]
        assert send("post", path, id="area").json()["result"] == {"area": 10.0}
        batch = send("post", "/api/functions/{id}/batch", id="area").json()
        for task in batch["tasks"]:
            assert wait_until_final(client, task)["state"] == "completed"
        task = send("post", "/api/tasks").json()["id"]
        ran = client.post(f"/api/tasks/{task}/execute", headers={"prefer": "wait=30"}).json()
        assert ran["result"] == {"area": 10.0}
        send("patch", "/api/functions/{id}", id="area")
        assert "upload_url" in send("post", "/api/files").json()
        account = send("post", "/api/service-accounts").json()["id"]
        send("patch", "/api/service-accounts/{id}", id=account)
        assert send("post", "/api/service-accounts/{id}/tokens", id=account).json()["token"]
        send("put", "/api/tenant/quotas")
        # Each body has one, but those that are not JSON.
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if "application/json" in operation.get("requestBody", {}).get("content", {}):
                    assert example(method, path), (method, path)


def test_the_configuration_is_shown_without_secrets(tmp_path):
    token = "mcp_abcdefgh_" + "S" * 40
    server = Server(tmp_path / "data", settings={"MECAPY_ADMIN_TOKEN": token})
    done = server.command("config")
    assert done.returncode == 0 and "S" * 40 not in done.stdout
    assert server.command("--set", "worker.slotz=1", "config").returncode != 0
    with server:
        with server.client(token) as client:
            assert client.get("/api/auth/me").json()["role"] == "admin"
