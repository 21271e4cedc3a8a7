"""A company with something of everything, all of it marked, for tests of who sees what."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from harness import Server, deploy_code, execute, wait_until_final

#: Stands in all that belongs to the company, and nowhere else.
MARKER = "okapi7731"
TENANT = f"acme-{MARKER}"
OTHER = "bolts"
ROLES = ("viewer", "user", "developer", "admin")

HANDLER = f'''
# {MARKER} in the source
import mecapy


def calculate(text: str = "{MARKER} default") -> dict:
    """Says {MARKER}."""
    print("{MARKER} is printed")
    with mecapy.files.open("out/{MARKER}.txt", "w") as file:
        file.write("{MARKER} in a file")
    return {{"said": text, "more": "{MARKER} result"}}
'''
SECOND = HANDLER.replace("in the source", "in the second version")
FAILS = f'def calculate() -> dict:\n    raise ValueError("{MARKER} is wrong")\n'
SLEEPS = f'import time\n\ndef calculate() -> dict:\n    """{MARKER}"""\n    time.sleep(590)\n    return {{}}\n'

#: A function's version, a UUID, a hash and a token's id that nothing has.
NO_VERSION = "9.9.9-0123456789ab"
NO_UUID = "0189abcd-1234-7abc-8def-0123456789ab"
NO_SHA256 = "ab" * 32
NO_TOKEN = "zzzzzzzzzzzzzzzz"


class Receiver:
    """Takes webhooks and says yes."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{MARKER}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Names:
    """One of each kind: of the company, or of nobody."""

    function: str
    version: str
    deployment: str
    task: str
    file: str
    task_file: str
    sha256: str
    account: str
    token: str
    delivery: str
    batch: str
    cursor: str


#: Names of the right form that mean nothing.
NOBODYS = Names(
    function=f"{TENANT}/no-such-function",
    version=NO_VERSION,
    deployment=NO_UUID,
    task=NO_UUID,
    file="no/such/file.txt",
    task_file="no/such/file.txt",
    sha256=NO_SHA256,
    account=NO_UUID,
    token=NO_TOKEN,
    delivery=NO_UUID,
    batch=NO_UUID,
    cursor="MTc5NTI5MzcxMTcxNjUyNi4wMWExZmZkOC0wZDY0LTc1ZDQtODZjYS00OWY2NzVmNjEyNzQ",
)


@dataclass
class Company:
    """What the company has; each list holds all the states that the kind can have."""

    server: Server
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    account_ids: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    task_files: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    sha256s: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    batch: str = ""
    cursor: str = ""

    @property
    def admin(self) -> httpx.Client:
        return self.clients["admin"]

    @property
    def secrets(self) -> list[str]:
        """Texts that nobody outside may be told."""
        ids = [*self.deployments, *self.tasks, *self.accounts, *self.deliveries, *self.sha256s]
        ids += [token for _, token in self.tokens] + [version for _, version in self.versions]
        return [MARKER, self.batch, self.cursor, *ids]

    def names(self) -> Names:
        return Names(
            function=f"{TENANT}/{self.functions[0]}",
            version=self.versions[0][1],
            deployment=self.deployments[0],
            task=self.tasks[0],
            file=self.files[0],
            task_file=self.task_files[0][1],
            sha256=self.sha256s[0],
            account=self.accounts[0],
            token=self.tokens[0][1],
            delivery=self.deliveries[0],
            batch=self.batch,
            cursor=self.cursor,
        )

    def state(self) -> dict:
        """All that calls of others could change."""
        all_of = lambda path: every(self.admin, path)  # noqa: E731
        tokens = {}
        for account in all_of("/api/service-accounts"):
            rows = all_of(f"/api/service-accounts/{account['id']}/tokens")
            tokens[account["name"]] = [row | {"last_used_at": None} for row in rows]
        functions = all_of("/api/functions")
        return {
            "functions": functions,
            "versions": [all_of(f"/api/functions/{one['id']}/versions") for one in functions],
            "deployments": all_of("/api/deployments"),
            "tasks": all_of("/api/tasks"),
            "files": all_of("/api/files"),
            "contents": [content(self.admin, one) for one in self.files],
            "accounts": all_of("/api/service-accounts"),
            "tokens": tokens,
            "deliveries": all_of("/api/webhooks/deliveries"),
            "secret": self.admin.get("/api/webhooks/secret").json(),
            "quotas": self.admin.get("/api/tenant").json()["quotas"],
        }


def deploy_package(client: httpx.Client, name: str, code: str, runtime: str, **more) -> dict:
    """Deploys a ZIP with a manifest; `runtime` stands in its section of that name."""
    manifest = f'version: "1.0"\nmetadata: {{name: {name}}}\nruntime: {runtime}\n'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mecapy.yaml", manifest)
        archive.writestr("handler.py", code)
    answer = client.post(
        "/api/functions", files={"archive": ("package.zip", packed.getvalue())}, data=more
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def content(client: httpx.Client, key: str) -> bytes | int:
    """A file's content, or the status that says why there is none."""
    answer = client.get(f"/api/files/{key}", follow_redirects=True)
    return answer.content if answer.status_code == 200 else answer.status_code


def every(client: httpx.Client, path: str) -> list[dict]:
    """All items of a list, page by page."""
    items, cursor = [], None
    while True:
        parameters = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=parameters).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def new_account(admin: httpx.Client, name: str, role: str) -> tuple[str, str, str]:
    """Makes an account with a token: the account's id, the token's id, the token."""
    account = admin.post("/api/service-accounts", json={"name": name, "role": role})
    assert account.status_code == 201, account.text
    id = account.json()["id"]
    token = admin.post(f"/api/service-accounts/{id}/tokens", json={"name": name})
    assert token.status_code == 201, token.text
    return id, token.json()["id"], token.json()["token"]


def staff(server: Server, tenant: str, prefix: str = "") -> tuple[dict, dict, list]:
    """One account of each role and a second developer: clients, account ids, token ids."""
    clients = {"admin": server.client(server.new_token(tenant, "admin", f"{prefix}admin"))}
    ids = {"admin": clients["admin"].get("/api/auth/me").json()["id"]}
    tokens = []
    for name in ("viewer", "user", "developer", "owner"):
        role = "developer" if name == "owner" else name
        id, token_id, token = new_account(clients["admin"], f"{prefix}{name}", role)
        clients[name], ids[name] = server.client(token), id
        tokens.append((id, token_id))
    return clients, ids, tokens


def wait_for_state(client: httpx.Client, task: str, state: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while (shown := client.get(f"/api/tasks/{task}").json())["state"] != state:
        assert time.monotonic() < deadline, shown
        time.sleep(0.02)


def build(server: Server, receiver: Receiver) -> Company:
    """Makes the company on a server."""
    it = Company(server)
    it.clients, it.account_ids, it.tokens = staff(server, TENANT, prefix=f"{MARKER} ")
    admin, owner, user = it.admin, it.clients["owner"], it.clients["user"]

    def deployed(client: httpx.Client, name: str, code: str, **more) -> None:
        note(name, deploy_code(client, name, code, **more))

    def note(name: str, answer: dict) -> None:
        it.deployments.append(answer["deployment_id"])
        it.versions.append((name, answer["version"]))
        if name not in it.functions:
            it.functions.append(name)

    open_name, private, gone = f"beam-{MARKER}", f"hidden-{MARKER}", f"gone-{MARKER}"
    deployed(it.clients["developer"], open_name, HANDLER)
    deployed(it.clients["developer"], open_name, SECOND)
    deployed(owner, private, HANDLER, visibility="private")
    deployed(it.clients["developer"], gone, HANDLER)
    admin.delete(f"/api/functions/{gone}").raise_for_status()
    failed = it.clients["developer"].post(
        "/api/functions", json={"name": f"broken-{MARKER}", "code": f"{MARKER} ="}
    )
    it.deployments.append(failed.json()["deployment_id"])

    key = f"meshes/{MARKER}.txt"
    for one in (key, f"deleted/{MARKER}.txt"):
        stored = user.post(
            "/api/files", params={"key": one}, content=f"{MARKER} content of {one}".encode(),
            headers={"content-type": "text/plain"},
        )
        assert stored.status_code == 201, stored.text
        it.files.append(one)
        it.sha256s.append(stored.json()["sha256"])
    user.delete(f"/api/files/{it.files[1]}").raise_for_status()

    def made(answer: httpx.Response) -> str:
        assert answer.status_code in (200, 201, 202), answer.text
        it.tasks.append(answer.json()["id"])
        return answer.json()["id"]

    first = made(execute(user, open_name, {"text": MARKER}, webhook=receiver.url))
    made(user.post("/api/tasks", json={"function_id": open_name, "inputs": {}}))
    inline = {"name": f"inline-{MARKER}", "code": HANDLER, "inputs": {}}
    task = made(user.post("/api/tasks", json=inline))
    user.post(f"/api/tasks/{task}/execute", headers={"prefer": "wait=30"}).raise_for_status()
    task = made(user.post("/api/tasks", json=inline | {"code": FAILS}))
    user.post(f"/api/tasks/{task}/execute", headers={"prefer": "wait=30"}).raise_for_status()
    hidden = made(execute(owner, private, {"text": MARKER}))
    task = made(user.post("/api/tasks", json={"function_id": open_name, "inputs": {}}))
    user.post(f"/api/tasks/{task}/cancel").raise_for_status()
    # One that runs for as long as the tests do.
    sleeps = f"sleeps-{MARKER}"
    note(sleeps, deploy_package(it.clients["developer"], sleeps, SLEEPS, "{timeout: 600}"))
    task = made(execute(user, sleeps, {}, wait=0))
    wait_for_state(user, task, "running")
    batch = user.post(f"/api/functions/{open_name}/batch", json={"inputs": [{}, {}]})
    assert batch.status_code == 202, batch.text
    it.batch = batch.json()["id"]
    it.tasks += batch.json()["tasks"]
    for task in batch.json()["tasks"]:
        wait_until_final(user, task)
    for one in (first, hidden):
        it.task_files.append((one, f"out/{MARKER}.txt"))
        it.sha256s.append(admin.get(f"/api/tasks/{one}/files").json()["items"][0]["sha256"])

    it.accounts = list(it.account_ids.values())
    id, token, _ = new_account(admin, f"{MARKER} deleted", "user")
    admin.delete(f"/api/service-accounts/{id}").raise_for_status()
    it.accounts.append(id)
    it.tokens.append((id, token))

    deadline = time.monotonic() + 30
    while True:
        deliveries = admin.get("/api/webhooks/deliveries").json()["items"]
        if deliveries and deliveries[0]["state"] == "delivered":
            break
        assert time.monotonic() < deadline, deliveries
        time.sleep(0.05)
    it.deliveries = [one["id"] for one in deliveries]
    it.cursor = admin.get("/api/tasks?limit=1").json()["next_cursor"]
    return it
