"""Within one company: what each role and each token may do, what is private to its owner, and
tokens that hold no longer."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import httpx
import pytest

import company
from access_table import BODIES, CODE, LEAST_ROLE, PLACES, fresh, query_value
from company import MARKER, NOBODYS, ROLES, every, new_account
from harness import Server, deploy_code, execute
from openapi_table import Operation, operations

SCOPES = dict(zip(ROLES, ("read", "execute", "deploy", "admin")))


@pytest.fixture(scope="module")
def it():
    """The company, whose own staff calls."""
    receiver = company.Receiver()
    settings = {
        "MECAPY_WEBHOOKS_ALLOW_PRIVATE_TARGETS": "true",
        "MECAPY_QUOTAS_FAILED_LOGINS_PER_MINUTE": "100000",
    }
    try:
        with Server(settings=settings) as server:
            yield company.build(server, receiver)
    finally:
        receiver.close()


def token_with(it, account: str, **order) -> dict:
    answer = it.admin.post(
        f"/api/service-accounts/{it.account_ids[account]}/tokens", json={"name": "made"} | order
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def request(it, operation: Operation, names, parameters: dict, body=None) -> dict:
    given = (body or BODIES.get(operation.id, [lambda names: {}])[0])(names)
    queries = {name: query_value(name, names) for name in operation.required_queries}
    return {"url": operation.url(parameters), "params": queries | given.pop("params", {})} | given


def own_names(it):
    """The company's names as its own staff says them."""
    names = it.names()
    return type(names)(**vars(names) | {"function": it.functions[0]})


def check(it, clients: dict[str, httpx.Client], operation: Operation) -> None:
    """Whom it is refused, changes nothing; whom it is not refused, is answered."""
    least = ROLES.index(LEAST_ROLE[operation.id])
    real, missing = PLACES[operation.path](it)[0] if "{" in operation.path else ({}, {})
    for role, client in clients.items():
        if ROLES.index(role) < least:
            for parameters in (real, missing):
                answer = client.request(
                    operation.method, **request(it, operation, own_names(it), parameters)
                )
                assert answer.status_code == 403, f"{role}: {answer.status_code} {answer.text}"
                assert MARKER not in answer.text.replace(answer.json()["instance"], "")
            continue
        # What would change something names nothing: that it is looked for is enough.
        reads = operation.method == "GET"
        parameters, names = (real, own_names(it)) if reads else (missing, NOBODYS)
        body = BODIES.get(operation.id, [lambda names: {}])[0]
        if operation.id == "create_task":
            names = own_names(it)
        answer = client.request(operation.method, **request(it, operation, names, parameters, body))
        expected = (404, 410) if parameters and not reads else (200, 201, 202, 307)
        if "/deployments/" in operation.path and client is not it.clients["developer"]:
            # The deployer's own and the administrators'.
            expected += (404,)
        assert answer.status_code in expected, f"{role}: {answer.status_code} {answer.text}"


GUARDED = [one for one in operations() if one.needs_token]


@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one.id)
def test_each_role_may_what_the_table_says(it, operation):
    check(it, {role: it.clients[role] for role in ROLES}, operation)


def test_refused_calls_changed_nothing(it):
    before = it.state()
    for operation in GUARDED:
        below = [role for role in ROLES if ROLES.index(role) < ROLES.index(LEAST_ROLE[operation.id])]
        places = PLACES[operation.path](it) if "{" in operation.path else [({}, {})]
        for role in below:
            for real, _ in places:
                for body in BODIES.get(operation.id, [lambda names: {}]):
                    sent = request(it, operation, own_names(it), real, body)
                    answer = it.clients[role].request(operation.method, **sent)
                    assert answer.status_code == 403, answer.text
    assert it.state() == before


@pytest.fixture(scope="module")
def scoped(it):
    """Tokens of an administrator, each of the scopes of a lesser role."""
    clients = {}
    for i, role in enumerate(ROLES):
        token = token_with(it, "admin", scopes=[SCOPES[one] for one in ROLES[: i + 1]])
        clients[role] = it.server.client(token["token"])
    return clients


@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one.id)
def test_a_token_may_no_more_than_its_scopes(it, scoped, operation):
    check(it, scoped, operation)


def test_a_token_may_no_more_than_the_role(it):
    for role in ROLES:
        token = token_with(it, role, scopes=list(SCOPES.values()))["token"]
        with it.server.client(token) as client:
            expected = [SCOPES[one] for one in ROLES[: ROLES.index(role) + 1]]
            assert client.get("/api/auth/me").json()["scopes"] == expected
            allowed = ROLES.index(role) >= ROLES.index("admin")
            assert client.get("/api/audit").status_code == (200 if allowed else 403)


def test_scopes_do_not_include_each_other(it):
    with it.server.client(token_with(it, "admin", scopes=["execute"])["token"]) as client:
        assert client.get("/api/tasks").status_code == 403
        assert execute(client, it.functions[0], {}).status_code == 200
    with it.server.client(token_with(it, "admin", scopes=[])["token"]) as client:
        assert client.get("/api/functions").status_code == 403
        assert client.get("/api/auth/me").json()["scopes"] == []
    refused = it.admin.post(
        f"/api/service-accounts/{it.account_ids['user']}/tokens",
        json={"name": "x", "scopes": ["everything"]},
    )
    assert refused.status_code == 422


def hidden_ids(it) -> list[str]:
    """The private function, its version, its deployment and its task."""
    name, version = next(one for one in it.versions if one[0].startswith("hidden"))
    return [name, version, it.deployments[2], it.task_files[1][0]]


def private_requests(it) -> list[tuple[str, str, dict]]:
    name, version, deployment, task = hidden_ids(it)
    found = []
    for operation in GUARDED:
        if "deployments/{id}" in operation.path and "webhooks" not in operation.path:
            url = operation.path.replace("{id}", deployment)
        elif operation.path.startswith("/api/tasks/{id}"):
            url = operation.url({"id": task, "key": f"out/{MARKER}.txt"})
        elif operation.path.startswith("/api/functions/{id}"):
            url = operation.url({"id": name, "version": version})
        else:
            continue
        given = BODIES.get(operation.id, [lambda names: {}])[0](own_names(it))
        found.append((operation.method, url, given))
    create = {"json": {"function_id": name, "inputs": {}}}
    return [*found, ("POST", "/api/tasks", create)]


def test_private_things_are_not_there_for_others_of_the_company(it, scoped):
    """Nor for an administrator's token that is not for administration."""
    before = it.state()
    seers = {role: it.clients[role] for role in ROLES[:3]} | {"scoped": scoped["developer"]}
    wrong = []
    for who, client in seers.items():
        for method, url, given in private_requests(it):
            answer = client.request(method, url, **given)
            if answer.status_code not in (403, 404):
                wrong.append(f"{who} {method} {url}: {answer.status_code}")
        for path in ("functions", "tasks", "deployments"):
            answer = client.get(f"/api/{path}", params={"limit": 200})
            found = [one for one in hidden_ids(it) if one in answer.text]
            if found:
                wrong.append(f"{who} GET /api/{path}: {found}")
    assert not wrong, "\n".join(wrong)
    assert it.state() == before


def test_private_things_are_there_for_their_owner_and_administrators(it):
    name, version, deployment, task = hidden_ids(it)
    for who in ("owner", "admin"):
        client = it.clients[who]
        for url in (f"functions/{name}", f"functions/{name}/versions/{version}",
                    f"functions/{name}/versions/{version}/source", f"deployments/{deployment}",
                    f"tasks/{task}", f"tasks/{task}/results", f"tasks/{task}/logs"):
            assert client.get(f"/api/{url}").status_code == 200, (who, url)


def test_a_private_function_cannot_be_taken_over(it):
    name = hidden_ids(it)[0]
    for visibility in (None, "public"):
        more = {"visibility": visibility} if visibility else {}
        answer = it.clients["developer"].post(
            "/api/functions", json={"name": name, "code": CODE} | more
        )
        assert answer.status_code in (403, 409), answer.text
    shown = it.admin.get(f"/api/functions/{name}").json()
    assert shown["visibility"] == "private" and shown["version"] == hidden_ids(it)[1]


def test_only_owner_and_administrators_change_who_sees_a_function(it):
    """Neither by `PATCH` nor by another deploy."""
    name = fresh("of-the-owner")
    deploy_code(it.clients["owner"], name, CODE)
    other = it.clients["developer"]
    assert other.patch(f"/api/functions/{name}", json={"visibility": "public"}).status_code == 403
    other.post("/api/functions", json={"name": name, "code": CODE + "#\n", "visibility": "public"})
    assert it.admin.get(f"/api/functions/{name}").json()["visibility"] == "company"


def test_what_becomes_private_is_no_longer_called(it):
    """A task that was made while it could be called does not run afterwards."""
    name = fresh("was-open")
    deploy_code(it.clients["owner"], name, CODE)
    user = it.clients["user"]
    made = user.post("/api/tasks", json={"function_id": name, "inputs": {}}).json()["id"]
    done = execute(user, name, {}).json()["id"]
    change = it.clients["owner"].patch(f"/api/functions/{name}", json={"visibility": "private"})
    assert change.status_code == 200, change.text
    answer = user.post(f"/api/tasks/{made}/execute", headers={"prefer": "wait=30"})
    assert answer.status_code in (404, 409), answer.text
    answer = user.post(f"/api/tasks/{done}/retry", headers={"prefer": "wait=30"})
    assert answer.status_code in (404, 409), answer.text
    assert it.admin.get(f"/api/tasks/{made}").json()["state"] != "completed"


def test_deliveries_of_a_task_are_its_readers(it):
    assert it.clients["user"].get("/api/webhooks/deliveries").status_code == 403
    answer = it.clients["user"].get("/api/webhooks/deliveries", params={"task_id": it.tasks[0]})
    assert [one["id"] for one in answer.json()["items"]] == it.deliveries


def status(client: httpx.Client) -> int:
    return client.get("/api/functions").status_code


def test_a_revoked_token_is_refused_at_once(it):
    id, token_id, token = new_account(it.admin, fresh("revoked"), "developer")
    with it.server.client(token) as client:
        assert status(client) == 200
        url = f"/api/service-accounts/{id}/tokens/{token_id}"
        assert it.admin.delete(url).status_code == 204
        assert status(client) == 401
        # It stays so, and to revoke it again changes nothing.
        assert it.admin.delete(url).status_code in (204, 404, 410)
        assert status(client) == 401


def test_tokens_of_a_deleted_account_are_refused_at_once(it):
    id, _, token = new_account(it.admin, fresh("deleted"), "admin")
    with it.server.client(token) as client:
        assert status(client) == 200
        assert it.admin.delete(f"/api/service-accounts/{id}").status_code == 204
        assert status(client) == 401
        new = it.admin.post(f"/api/service-accounts/{id}/tokens", json={"name": "again"})
        assert new.status_code in (404, 410), new.text


def test_a_lesser_role_holds_at_once(it):
    id, _, token = new_account(it.admin, fresh("lesser"), "developer")
    with it.server.client(token) as client:
        deploy_code(client, fresh("before"), CODE)
        change = it.admin.patch(f"/api/service-accounts/{id}", json={"role": "viewer"})
        assert change.status_code == 200
        refused = client.post("/api/functions", json={"name": fresh("after"), "code": CODE})
        assert refused.status_code == 403


def test_an_expired_token_is_refused(it):
    def at(seconds: float) -> str:
        return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()

    past = it.admin.post(
        f"/api/service-accounts/{it.account_ids['user']}/tokens",
        json={"name": "past", "expires_at": at(-1)},
    )
    assert past.status_code == 422
    token = token_with(it, "user", expires_at=at(1.5))["token"]
    with it.server.client(token) as client:
        assert status(client) == 200
        deadline = time.monotonic() + 10
        while status(client) != 401:
            assert time.monotonic() < deadline, "it is still accepted"
            time.sleep(0.05)


def test_a_token_of_another_secret_or_form_is_refused(it):
    token = token_with(it, "admin")["token"]
    _, id, secret = token.split("_")
    other = token_with(it, "viewer")["token"].split("_")
    wrong = ["x", "mcp_", id, secret, f"mcp_{id}", f"mcp_{id}_", f"mcp_{id}_{secret[:-1]}",
             f"mcp_{id}_{secret}x", f"mcp_{id}_{secret.swapcase()}", f"mcp_{other[1]}_{secret}",
             f"mcp_{id}_{other[2]}", token.upper(), f"{token} {token}", f"mcp_{id}' OR 1=1--_{secret}"]
    for text in wrong:
        with httpx.Client(base_url=it.server.url, headers={"authorization": f"Bearer {text}"}) as bad:
            answer = bad.get("/api/functions")
            assert answer.status_code == 401, (text, answer.text)
            assert secret not in answer.text


def test_the_last_administrator_stays_one(it):
    """A company cannot lock itself out, nor can another administrator's token be the way."""
    id = it.account_ids["admin"]
    assert it.admin.patch(f"/api/service-accounts/{id}", json={"role": "user"}).status_code == 409
    assert it.admin.delete(f"/api/service-accounts/{id}").status_code == 409
    assert every(it.admin, "/api/service-accounts")
