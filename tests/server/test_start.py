"""The program's commands, its start and its stop."""

from harness import Server, deploy_code, execute


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
    finally:
        other.close()


def test_the_configuration_is_shown_without_secrets(tmp_path):
    token = "mcp_abcdefgh_" + "S" * 40
    server = Server(tmp_path / "data", settings={"MECAPY_ADMIN_TOKEN": token})
    done = server.command("config")
    assert done.returncode == 0 and "S" * 40 not in done.stdout
    assert server.command("--set", "worker.slotz=1", "config").returncode != 0
    with server:
        with server.client(token) as client:
            assert client.get("/api/auth/me").json()["role"] == "admin"
