-- Tables whose rows may be long have row numbers, the others are `WITHOUT ROWID`.
-- Times are microseconds since 1970, ids are the 16 bytes of a UUID, `doc` and other
-- documents are JSON. Everything that is filtered, ordered, claimed or conditional is a column.

CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    quotas TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts that would else be made by reading every row.
CREATE TABLE tenant_totals (
    tenant TEXT NOT NULL PRIMARY KEY,
    queued INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    quotas TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by BLOB,
    -- A deleted account's row stays: its tokens and its work name it.
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX accounts_by_name ON accounts (tenant, name) WHERE deleted_at IS NULL;
CREATE INDEX accounts_newest ON accounts (tenant, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    account BLOB NOT NULL REFERENCES accounts (id),
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_newest ON tokens (account, created_at, id);

CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    account BLOB,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    request_id TEXT NOT NULL,
    address TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_newest ON audit (tenant, at, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;

CREATE TABLE releases (
    n INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    checksum TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (tenant, package, version)
) STRICT;

CREATE TABLE functions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    package TEXT NOT NULL,
    visibility TEXT NOT NULL,
    owner BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- The release that was deployed last, of those that are not deleted; none: it is deleted.
    latest INTEGER REFERENCES releases (n),
    -- The latest release's, for lists: what a text is looked for in, in lower case.
    search TEXT NOT NULL,
    category TEXT,
    tags TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX functions_public ON functions (id, tenant)
    WHERE visibility = 'public' AND latest IS NOT NULL;

CREATE TABLE function_releases (
    tenant TEXT NOT NULL,
    function TEXT NOT NULL,
    release INTEGER NOT NULL REFERENCES releases (n),
    version TEXT NOT NULL,
    -- Counts the function's deploys: the largest was deployed last.
    turn INTEGER NOT NULL,
    deployed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    doc TEXT NOT NULL,
    PRIMARY KEY (tenant, function, release)
) STRICT;
CREATE UNIQUE INDEX function_releases_by_turn ON function_releases (tenant, function, turn);
CREATE INDEX function_releases_live ON function_releases (release) WHERE deleted_at IS NULL;

CREATE TABLE deployments (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    account BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    -- How many events it has.
    events INTEGER NOT NULL DEFAULT 0,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX deployments_newest ON deployments (tenant, created_at, id);
CREATE INDEX deployments_unfinished ON deployments (created_at)
    WHERE state IN ('queued', 'running');
CREATE INDEX deployments_finished ON deployments (finished_at) WHERE finished_at IS NOT NULL;

-- New ones come last, which costs least.
CREATE TABLE tasks (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    owner BLOB NOT NULL,
    private INTEGER NOT NULL,
    function_tenant TEXT,
    function TEXT,
    version TEXT NOT NULL,
    class TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    worker TEXT,
    lease_until INTEGER,
    not_before INTEGER,
    cancel_requested INTEGER NOT NULL,
    dead_letter INTEGER NOT NULL,
    parent BLOB,
    created_at INTEGER NOT NULL,
    queued_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    -- How many events it has.
    events INTEGER NOT NULL,
    wall_ms REAL,
    doc TEXT NOT NULL
) STRICT;
-- What stands after the id is there so that what a viewer may not see is passed over without
-- a look at the row.
CREATE INDEX tasks_newest ON tasks (tenant, created_at, id, private, owner);
CREATE INDEX tasks_of_owner ON tasks (owner, tenant, created_at, id);
CREATE INDEX tasks_of_function
    ON tasks (function_tenant, function, tenant, created_at, id, private, owner, version)
    WHERE function IS NOT NULL;
CREATE INDEX tasks_of_parent ON tasks (parent, created_at, id) WHERE parent IS NOT NULL;
-- Nearly all tasks are completed, and of high priority: those are found as well by the index
-- of all, and these cost them nothing.
CREATE INDEX tasks_by_state ON tasks (tenant, state, created_at, id) WHERE state <> 'completed';
CREATE INDEX tasks_by_class ON tasks (tenant, class, created_at, id)
    WHERE class <> 'high_priority';
CREATE INDEX tasks_dead ON tasks (tenant, created_at, id) WHERE dead_letter = 1;
-- The queue: what can be started, by tenant and age; and what waits for a time.
CREATE INDEX tasks_ready ON tasks (class, tenant, queued_at)
    WHERE state = 'queued' AND not_before IS NULL;
CREATE INDEX tasks_waiting ON tasks (class, tenant, not_before)
    WHERE state = 'queued' AND not_before IS NOT NULL;
CREATE INDEX tasks_next_start ON tasks (not_before)
    WHERE state = 'queued' AND not_before IS NOT NULL;
CREATE INDEX tasks_held ON tasks (worker) WHERE state = 'running';
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE state = 'running';

-- What a task was given and what it left behind; lists never touch it. A text is here if it is
-- small; where it is an object, its key is in the document beside it.
CREATE TABLE task_documents (
    task INTEGER PRIMARY KEY REFERENCES tasks (n),
    inputs TEXT,
    code TEXT,
    payload_objects TEXT,
    result TEXT,
    logs TEXT,
    ended_objects TEXT
) STRICT;

-- Events of tasks and deployments, a batch a row: a JSON array whose first has this number.
CREATE TABLE events (
    subject BLOB NOT NULL,
    first INTEGER NOT NULL,
    batch TEXT NOT NULL,
    PRIMARY KEY (subject, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_days (
    day INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    account BLOB NOT NULL,
    cpu_ms REAL NOT NULL,
    PRIMARY KEY (day, tenant, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE function_ends (
    tenant TEXT NOT NULL,
    function_tenant TEXT NOT NULL,
    function TEXT NOT NULL,
    state TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    PRIMARY KEY (tenant, function_tenant, function, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE cached_results (
    tenant TEXT NOT NULL,
    cache_key BLOB NOT NULL,
    task BLOB NOT NULL,
    finished_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, cache_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cached_results_oldest ON cached_results (finished_at);

CREATE TABLE deliveries (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    task BLOB NOT NULL,
    url TEXT NOT NULL,
    sealed_secret BLOB,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_attempt_at INTEGER,
    -- The same, or until when somebody is at it.
    due_at INTEGER,
    ended_at INTEGER,
    attempts TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_newest ON deliveries (tenant, created_at, id);
CREATE INDEX deliveries_of_task ON deliveries (task, created_at, id);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE webhook_secrets (
    tenant TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    content TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    account BLOB NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    resource BLOB NOT NULL,
    holder BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    answer TEXT,
    PRIMARY KEY (account, key)
) STRICT;
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (begun_at);

-- Which objects are needed, and by what: `release:…`, `function:…`, `task:…`, `file:…`.
CREATE TABLE object_references (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_references_by_key ON object_references (key);

-- Written to by the check whether the database can be.
CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    made INTEGER NOT NULL
) STRICT;
