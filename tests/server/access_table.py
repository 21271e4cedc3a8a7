"""Who may do what, and with which body: an entry for each operation of the API. A test fails
where the OpenAPI document has an operation that is not here."""

from __future__ import annotations

import uuid

from company import MARKER, NO_SHA256, NO_UUID, NO_VERSION, NOBODYS, TENANT, Company, Names

CODE = "def calculate(a: float = 1.0) -> dict:\n    return {'b': a}\n"

#: The least role that may do it; `open` needs no token.
LEAST_ROLE = {
    "list_functions": "viewer",
    "deploy_function": "developer",
    "get_function": "viewer",
    "delete_function": "developer",
    "update_function": "developer",
    "execute_function": "user",
    "execute_batch": "user",
    "list_versions": "viewer",
    "get_version": "viewer",
    "delete_version": "developer",
    "get_source": "viewer",
    "list_deployments": "developer",
    "get_deployment": "developer",
    "follow_deployment": "developer",
    "list_tasks": "viewer",
    "create_task": "user",
    "get_task": "viewer",
    "get_task_status": "viewer",
    "get_task_results": "viewer",
    "get_task_logs": "viewer",
    "list_task_files": "viewer",
    "get_task_file": "viewer",
    "follow_task": "viewer",
    "execute_task": "user",
    "retry_task": "user",
    "cancel_task": "user",
    "list_files": "viewer",
    "upload_file": "user",
    "get_file": "viewer",
    "delete_file": "user",
    "upload_signed": "open",
    "download": "open",
    "get_me": "viewer",
    "get_tenant": "viewer",
    "set_quotas": "admin",
    "list_audit": "admin",
    "list_accounts": "admin",
    "create_account": "admin",
    "get_account": "admin",
    "delete_account": "admin",
    "update_account": "admin",
    "list_tokens": "admin",
    "create_token": "admin",
    "revoke_token": "admin",
    # Of one task it is the task's readers' that may execute; of all, the administrators'.
    "list_deliveries": "admin",
    "redeliver": "user",
    "get_webhook_secret": "admin",
    "replace_webhook_secret": "admin",
    "healthz": "open",
    "readyz": "open",
    "metrics": "open",
}


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def json(body: dict) -> dict:
    return {"json": body}


#: Valid bodies of each operation that takes one; what they name, they name out of `Names`.
BODIES = {
    "deploy_function": [
        lambda names: json({"name": fresh("own"), "code": CODE}),
        lambda names: {"files": {"archive": ("own.py", CODE.encode())}},
    ],
    "update_function": [lambda names: json({"visibility": "public"})],
    "execute_function": [
        lambda names: json({"inputs": {}}),
        lambda names: json({"inputs": {"text": {"$file": names.file}}, "version": names.version}),
    ],
    "execute_batch": [lambda names: json({"inputs": [{}, {}]})],
    "create_task": [
        lambda names: json({"function_id": names.function, "inputs": {}}),
        lambda names: json({"function_id": names.function.split("/")[-1], "inputs": {}}),
        lambda names: json({"function_id": names.function, "version": names.version, "inputs": {}}),
        lambda names: json({"name": fresh("own"), "code": CODE, "inputs": {}}),
        # Whether there is such a file is told of the caller's own files alone.
        lambda names: json({
            "name": "reads", "inputs": {"a": {"$file": names.file}},
            "code": "def calculate(a: dict, b: float = 1.0) -> dict:\n    return {}\n",
        }),
    ],
    "upload_file": [
        lambda names: json({"key": fresh("own/file")}),
        lambda names: {
            "content": b"own", "headers": {"content-type": "text/plain"},
            "params": {"key": fresh("own/file")},
        },
    ],
    "upload_signed": [
        lambda names: {"content": b"forged", "headers": {"content-type": "text/plain"}},
    ],
    "set_quotas": [lambda names: json({})],
    "create_account": [lambda names: json({"name": fresh("own"), "role": "viewer"})],
    "update_account": [lambda names: json({"role": "admin"})],
    "create_token": [lambda names: json({"name": "stolen"})],
}


def _pairs(parameters: str, real: list, missing) -> list[tuple[dict, dict]]:
    """Parameters of the company's things, each with the same of things that are not."""
    names = parameters.split()
    as_dict = lambda one: dict(zip(names, one if isinstance(one, tuple) else (one,)))  # noqa: E731
    return [(as_dict(one), as_dict(missing)) for one in real]


def _functions(it: Company) -> list[tuple[dict, dict]]:
    full = [f"{TENANT}/{one}" for one in it.functions]
    return (
        _pairs("id", full, NOBODYS.function)
        + _pairs("id", full, "no-such-tenant/no-such-function")
        + _pairs("id", it.functions, "no-such-function")
    )


def _versions(it: Company) -> list[tuple[dict, dict]]:
    full = [(f"{TENANT}/{one}", version) for one, version in it.versions]
    found = _pairs("id version", full, (NOBODYS.function, NO_VERSION))
    found += _pairs("id version", [(one, "latest") for one, _ in full], (NOBODYS.function, "latest"))
    found += _pairs("id version", [(one, "0.0") for one, _ in full], (NOBODYS.function, "0.0"))
    found += _pairs("id version", it.versions, ("no-such-function", NO_VERSION))
    return found


def _deployments(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id", it.deployments, NO_UUID)


def _tasks(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id", [*it.tasks, it.batch], NO_UUID)


def _task_files(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id key", it.task_files, (NO_UUID, NOBODYS.task_file))


def _files(it: Company) -> list[tuple[dict, dict]]:
    keys = [*it.files, *(key for _, key in it.task_files)]
    return _pairs("key", keys, NOBODYS.file)


def _objects(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("sha256", it.sha256s, NO_SHA256)


def _accounts(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id", it.accounts, NO_UUID)


def _tokens(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id token_id", it.tokens, (NO_UUID, NOBODYS.token))


def _deliveries(it: Company) -> list[tuple[dict, dict]]:
    return _pairs("id", [*it.deliveries, it.tasks[0]], NO_UUID)


#: What the parameters of each path name.
PLACES = {
    "/api/functions/{id}": _functions,
    "/api/functions/{id}/execute": _functions,
    "/api/functions/{id}/batch": _functions,
    "/api/functions/{id}/versions": _functions,
    "/api/functions/{id}/versions/{version}": _versions,
    "/api/functions/{id}/versions/{version}/source": _versions,
    "/api/deployments/{id}": _deployments,
    "/api/deployments/{id}/events": _deployments,
    "/api/tasks/{id}": _tasks,
    "/api/tasks/{id}/status": _tasks,
    "/api/tasks/{id}/results": _tasks,
    "/api/tasks/{id}/logs": _tasks,
    "/api/tasks/{id}/files": _tasks,
    "/api/tasks/{id}/files/{key}": _task_files,
    "/api/tasks/{id}/events": _tasks,
    "/api/tasks/{id}/execute": _tasks,
    "/api/tasks/{id}/retry": _tasks,
    "/api/tasks/{id}/cancel": _tasks,
    "/api/files/{key}": _files,
    "/api/objects/{sha256}": _objects,
    "/api/service-accounts/{id}": _accounts,
    "/api/service-accounts/{id}/tokens": _accounts,
    "/api/service-accounts/{id}/tokens/{token_id}": _tokens,
    "/api/webhooks/deliveries/{id}/redeliver": _deliveries,
}

#: Query parameters that can name something of the company's.
QUERIES = {
    "q": lambda names: names.function.split("/")[-1],
    "tag": lambda names: names.function.split("/")[-1],
    "category": lambda names: names.function.split("/")[-1],
    "package": lambda names: names.function.split("/")[-1],
    "function_id": lambda names: names.function,
    "version": lambda names: names.version,
    "owner": lambda names: names.account,
    "parent": lambda names: names.batch,
    "task_id": lambda names: names.task,
    "prefix": lambda names: names.file,
    "cursor": lambda names: names.cursor,
    "account": lambda names: names.account,
    "tenant": lambda names: TENANT,
    "key": lambda names: names.file,
    "name": lambda names: names.file.rsplit("/")[-1],
}
#: Those that cannot, with a value of their own.
PLAIN_QUERIES = {
    "limit": "200",
    "public": "true",
    "state": "completed",
    "priority": "default",
    "dead_letter": "false",
    "since": "2020-01-01T00:00:00Z",
    "until": "2100-01-01T00:00:00Z",
    "last_event_id": "0",
    "type": "text/plain",
    "most": "1000000",
    "expires": "99999999999",
    "signature": "00" * 32,
}


def query_value(name: str, names: Names) -> str:
    return QUERIES[name](names) if name in QUERIES else PLAIN_QUERIES[name]


assert MARKER not in NOBODYS.file
