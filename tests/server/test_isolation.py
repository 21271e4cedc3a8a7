"""Nothing of one company is seen, changed or guessed by another: every operation of the
OpenAPI document, called by every role of another tenant and without a token."""

from __future__ import annotations

import httpx
import pytest

import company
from access_table import BODIES, LEAST_ROLE, PLACES, PLAIN_QUERIES, QUERIES, query_value
from company import MARKER, NOBODYS, OTHER, ROLES, Company, Names
from harness import Server
from openapi_table import Operation, document, operations

#: Fields of an answer that differ from request to request.
OF_THE_REQUEST = {"date", "x-request-id", "content-length"}


@pytest.fixture(scope="module")
def world():
    """The company, and one client of each role of another tenant."""
    receiver = company.Receiver()
    settings = {
        "MECAPY_WEBHOOKS_ALLOW_PRIVATE_TARGETS": "true",
        "MECAPY_QUOTAS_FAILED_LOGINS_PER_MINUTE": "100000",
        "MECAPY_WORKER_SLOTS": "2",
        "MECAPY_WORKER_THREADS": "8",
    }
    try:
        with Server(settings=settings) as server:
            it = company.build(server, receiver)
            others, _, _ = company.staff(server, OTHER)
            yield it, others
    finally:
        receiver.close()


@pytest.fixture(scope="module")
def before(world):
    """What the company had before anybody else called."""
    return world[0].state()


def requests_of(operation: Operation, it: Company) -> list[tuple[dict, dict]]:
    """Requests with names of the company's, each with the same that names nothing."""
    places = PLACES[operation.path](it) if "{" in operation.path else [({}, {})]
    bodies = BODIES.get(operation.id, [lambda names: {}])
    required = set(operation.required_queries)
    queries = [set(), *({name} for name in operation.queries if name not in required)]
    found = []

    def request(parameters: dict, names: Names, body, query: set) -> dict:
        given = body(names)
        values = {name: query_value(name, names) for name in sorted(query | required)}
        parameters_of_body = given.pop("params", {})
        url = operation.url(parameters)
        return {"url": url, "params": values | parameters_of_body} | given

    for real, missing in places:
        for body in bodies:
            for query in queries:
                found.append((
                    request(real, it.names(), body, query),
                    request(missing, NOBODYS, body, query),
                ))
    return found


def sent_values(it: Company) -> list[str]:
    """What requests name, the longest first: an answer may repeat it."""
    texts = [*vars(it.names()).values(), *vars(NOBODYS).values()]
    for places in {*PLACES.values()}:
        for pair in places(it):
            texts += [text for one in pair for text in one.values()]
    return sorted({*texts} - {"latest", "0.0"}, key=len, reverse=True)


def told(answer: httpx.Response, sent: list[str]) -> tuple:
    """All that an answer tells, without what its request said."""
    headers = {name: text for name, text in answer.headers.items() if name not in OF_THE_REQUEST}
    text = answer.text
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem = answer.json()
        text = text.replace(problem["instance"], "").replace(problem["request_id"], "")
    for value in sent:
        text = text.replace(value, "<sent>")
    return answer.status_code, headers, text


def call(client: httpx.Client, operation: Operation, request: dict) -> httpx.Response:
    # Streams of what has not ended would not end either: nobody else may begin one.
    return client.request(operation.method, timeout=20.0, **request)


def without_instance(answer: httpx.Response) -> str:
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    text = answer.text
    return text.replace(answer.json()["instance"], "") if is_problem else text


def test_the_tables_name_every_operation(world):
    """A route that is new is not forgotten here."""
    it, _ = world
    served = it.admin.get("/api/openapi.json").json()
    assert served == document()
    ids = {operation.id for operation in operations()}
    assert ids == set(LEAST_ROLE)
    assert {one.id for one in operations() if one.has_body} == set(BODIES)
    assert {one.path for one in operations() if "{" in one.path} == set(PLACES)
    queries = {name for one in operations() for name in one.queries}
    assert queries <= set(QUERIES) | set(PLAIN_QUERIES), queries
    for operation in operations():
        assert (LEAST_ROLE[operation.id] == "open") == (not operation.needs_token), operation.id


@pytest.mark.parametrize("operation", operations(), ids=lambda one: one.id)
def test_another_tenant_is_told_nothing(world, before, operation):
    """Every role of another tenant is answered the same for what is there and what is not."""
    it, others = world
    sent = sent_values(it)
    least = LEAST_ROLE[operation.id]
    for real, missing in requests_of(operation, it):
        for role in ROLES:
            answer = call(others[role], operation, real)
            other = call(others[role], operation, missing)
            where = f"{role}: {operation.method} {real} -> {answer.status_code} {answer.text[:500]}"
            if least == "open" and operation.required_queries:
                assert answer.status_code == 403, where
            elif least != "open" and ROLES.index(role) < ROLES.index(least):
                assert answer.status_code == 403 or "task_id" in real["params"], where
            elif "{" in operation.path:
                assert answer.status_code == 404, where
            else:
                assert answer.status_code in (200, 201, 202, 404, 422), where
            assert answer.status_code == other.status_code, where
            if answer.status_code >= 400:
                assert told(answer, sent) == told(other, sent), where
            shown = without_instance(answer)
            if answer.status_code < 400 or "{" in operation.path:
                leaked = [secret for secret in it.secrets if secret in shown]
                assert not leaked, f"{leaked} in {where}"
    assert it.state() == before


@pytest.mark.parametrize(
    "operation", [one for one in operations() if one.needs_token], ids=lambda one: one.id
)
def test_without_a_token_nothing_is_told(world, before, operation):
    """No token, one of nobody's, and another scheme: 401, whatever is asked for."""
    it, _ = world
    schemes = ({}, {"authorization": "Bearer mcp_abcdefghijkmnpqr_" + "A" * 43},
               {"authorization": "Basic YWRtaW46YWRtaW4="}, {"authorization": "Bearer"})
    with httpx.Client(base_url=it.server.url) as client:
        for real, missing in requests_of(operation, it)[:12]:
            for headers in schemes:
                answers = []
                for request in (real, missing):
                    kept = request.get("headers", {}) | headers
                    answers.append(call(client, operation, request | {"headers": kept}))
                assert {one.status_code for one in answers} == {401}, answers[0].text
                assert "www-authenticate" in answers[0].headers
                first, second = (told(one, sent_values(it)) for one in answers)
                assert first == second
                assert MARKER not in without_instance(answers[0])
    assert it.state() == before


def test_cursors_of_one_tenant_show_another_its_own(world):
    """A cursor says where to go on, not in whose list."""
    it, others = world
    lists = [one for one in operations() if "cursor" in one.queries and "{" not in one.path]
    assert len(lists) >= 6
    for operation in lists:
        page = it.admin.get(operation.path, params={"limit": 1}).json()
        own = company.every(others["admin"], operation.path)
        if page["next_cursor"] is None:
            continue
        answer = others["admin"].get(
            operation.path, params={"cursor": page["next_cursor"], "limit": 200}
        )
        assert answer.status_code == 200, answer.text
        ids = {one.get("id", one.get("key")) for one in own}
        shown = {one.get("id", one.get("key")) for one in answer.json()["items"]}
        assert shown <= ids, operation.id
        assert MARKER not in answer.text


def test_the_audit_log_of_the_company_names_only_its_own(world):
    """Calls of others that were refused are no acts in the company."""
    it, _ = world
    entries = company.every(it.admin, "/api/audit")
    assert {one["account"] for one in entries} <= {*it.accounts, None}


def test_metrics_and_health_name_nobody(world):
    it, _ = world
    with httpx.Client(base_url=it.server.url) as client:
        for path in ("/metrics", "/healthz", "/readyz", "/api/openapi.json"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert not [one for one in [*it.secrets, OTHER] if one in answer.text], path


def test_the_log_has_no_secrets_nor_panics(world):
    it, _ = world
    text = it.server.log.read_text(errors="replace")
    assert "panicked" not in text
    assert "mcp_" not in text and "whsec_" not in text
