#!/usr/bin/env bash
# The whole story of a function, told to a running server with curl alone: deployed by ZIP, git
# and inline, versioned, called in every way, followed, cancelled, rolled back and retired.
#
#   MECAPY_URL=http://127.0.0.1:8000 MECAPY_TOKEN=mcp_... tests/server/story.sh
#
# The token is an administrator's. The server has to allow `file:` repositories
# (MECAPY_DEPLOY_GIT_FILE_URLS=true) and webhooks to this machine
# (MECAPY_WEBHOOKS_ALLOW_PRIVATE_TARGETS=true). Needs curl, git and python3 (its standard library
# only: it reads JSON and receives the webhooks). Prints `ok: ...` for each step that holds, and
# ends with `FAILED: ...` and status 1 at the first that does not.
#
# STORY_KEEP_GOING=1 goes on after a failed step, and still ends with status 1.

set -euo pipefail

: "${MECAPY_URL:?the address of the server}" "${MECAPY_TOKEN:?an administrators token}"
MECAPY_URL=${MECAPY_URL%/}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
EXAMPLES=$(cd "$HERE/../../examples" && pwd)
PYTHON=${PYTHON:-python3}
#: Tells the functions of this run from those of others.
RUN=$(date +%s)-$$
FAILED_STEPS=0

WORK=$(mktemp -d)
RECEIVER=
tidy_up() {
    [ -z "$RECEIVER" ] || kill "$RECEIVER" 2>/dev/null || true
    rm -rf "$WORK"
}
trap tidy_up EXIT

# ---------------------------------------------------------------- saying how it goes

part() { printf '\n== %s\n' "$1"; }
ok() { printf 'ok: %s\n' "$1"; }

# failed WHAT [DETAIL]
failed() {
    printf 'FAILED: %s\n' "$1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | head -c 3000 | sed 's/^/    /'
    FAILED_STEPS=$((FAILED_STEPS + 1))
    [ -n "${STORY_KEEP_GOING:-}" ] || exit 1
}

# ---------------------------------------------------------------- calling and reading

BODY=$WORK/body
HEADERS=$WORK/headers
STATUS=

# call METHOD PATH [curl's arguments]: with the token; leaves STATUS, $BODY and $HEADERS.
call() {
    anonymous "$@" -H "authorization: Bearer $MECAPY_TOKEN"
}

# anonymous METHOD PATH-OR-URL [curl's arguments]: without a token.
anonymous() {
    local method=$1 url=$2
    shift 2
    case $url in http://* | https://*) ;; *) url=$MECAPY_URL$url ;; esac
    : >"$BODY"
    STATUS=$(curl -sS --max-time 120 -X "$method" -o "$BODY" -D "$HEADERS" -w '%{http_code}' \
        "$@" "$url") || failed "curl $method $url"
}

# post PATH JSON [curl's arguments]
post() {
    local path=$1 json=$2
    shift 2
    call POST "$path" -H 'content-type: application/json' --data-binary "$json" "$@"
}

# status CODE WHAT: the answer had this status.
status() {
    if [ "$STATUS" = "$1" ]; then
        ok "$2 ($1)"
    else
        failed "$2: status $STATUS, not $1" "$(cat "$BODY")"
    fi
}

# header NAME: of the last answer.
header() {
    "$PYTHON" -c '
import sys
lines = open(sys.argv[2], encoding="latin-1").read().splitlines()
values = [line.split(":", 1)[1].strip() for line in lines
          if line.lower().startswith(sys.argv[1].lower() + ":")]
print(values[-1] if values else "")' "$1" "$HEADERS"
}

# json EXPRESSION [FILE]: of the answer (or of FILE) as `d`; text as it is, all else as JSON.
json() {
    "$PYTHON" -c '
import json, sys
d = json.load(open(sys.argv[2]))
value = eval("(" + sys.argv[1] + ")")
print(value if isinstance(value, str) else json.dumps(value))' "$1" "${2:-$BODY}"
}

# holds WHAT EXPRESSION [FILE]: the expression about `d` is true.
holds() {
    local said
    if said=$("$PYTHON" -c '
import json, math, sys
d = json.load(open(sys.argv[2]))
near = lambda a, b, within=1e-9: math.isclose(a, b, rel_tol=within)
sys.exit(0 if eval("(" + sys.argv[1] + ")") else 1)' "$2" "${3:-$BODY}" 2>&1); then
        ok "$1"
    else
        failed "$1" "not true: $2
$said
$(head -c 1500 "${3:-$BODY}")"
    fi
}

# same WHAT ACTUAL EXPECTED
same() {
    if [ "$2" = "$3" ]; then ok "$1"; else failed "$1" "got:      $2
expected: $3"; fi
}

# matches WHAT TEXT PATTERN: of the shell's `case`.
matches() {
    # shellcheck disable=SC2254
    case $2 in $3) ok "$1" ;; *) failed "$1" "got: $2" ;; esac
}

# quoted TEXT: as a JSON text.
quoted() { "$PYTHON" -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }

# now_ms: a clock to measure with.
now_ms() { "$PYTHON" -c 'import time; print(int(time.monotonic() * 1000))'; }

# until_state TASK STATE [SECONDS]: polls the small status until the task is in this state.
until_state() {
    local task=$1 wanted=$2 end=$((SECONDS + ${3:-30})) state=
    while [ $SECONDS -le $end ]; do
        call GET "/api/tasks/$task/status"
        state=$(json 'd["state"]')
        [ "$state" != "$wanted" ] || return 0
        case $state in completed | failed | cancelled) break ;; esac
    done
    failed "task $task becomes $wanted: it is $state" "$(cat "$BODY")"
}

# deploy_inline NAME CODE [VERSION]: leaves the full version in VERSION.
deploy_inline() {
    local version=${3:-1.0.0}
    post /api/functions "{\"name\": \"$1\", \"version\": \"$version\", \"code\": $(quoted "$2")}"
    status 201 "inline code is deployed as $1 $version"
    VERSION=$(json 'd["version"]')
}

# events FILE: the complete server-sent events of a stream as JSON lines {id, event, data}.
events() {
    "$PYTHON" -c '
import json, sys
fields = {}
for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
    if not line.endswith("\n"):
        break  # cut off within a line
    line = line.rstrip("\r\n")
    if not line:
        # One without data is no event; one that was cut off before its empty line is none.
        if "data" in fields:
            print(json.dumps({"id": int(fields["id"]), "event": fields["event"],
                              "data": json.loads(fields["data"])}))
        fields = {}
    elif not line.startswith(":"):
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")' "$1"
}

# as_list FILE: JSON lines as one JSON list, in FILE.json.
as_list() {
    "$PYTHON" -c '
import json, sys
json.dump([json.loads(line) for line in open(sys.argv[1])], open(sys.argv[1] + ".json", "w"))' "$1"
}

# ---------------------------------------------------------------- the server is there

part 'the server'
anonymous GET /healthz
status 200 'alive'
anonymous GET /readyz
status 200 'ready'
anonymous GET /api/functions
status 401 'nothing without a token'
matches 'with a request id' "$(header x-request-id)" '?*'
anonymous GET /api/openapi.json
status 200 'the routes are described'
holds 'as OpenAPI 3.1' 'd["openapi"].startswith("3.1") and "/api/functions" in d["paths"]'
anonymous GET /api/docs -L
status 200 'on a readable page too'
call GET /api/auth/me
status 200 'the token is known'
holds 'it is an administrators' 'd["role"] == "admin"'
call GET "/api/functions/no-such-function-$RUN"
status 404 'a function that never was is not found'
holds 'as a problem' '{"type", "title", "status", "detail", "request_id"} <= set(d) and d["status"] == 404'

# ---------------------------------------------------------------- 1: a ZIP

part '1: deployed by ZIP'
(cd "$EXAMPLES/structural-analysis" && "$PYTHON" -m zipfile -c "$WORK/structural.zip" \
    mecapy.yml README.md analysis tests)
call POST /api/functions -F "archive=@$WORK/structural.zip;type=application/zip"
status 201 'structural-analysis is deployed'
holds 'with its three functions' '{f["id"] for f in d["functions"]} == {
    "calculate-bolt-resistance", "calculate-weld-resistance", "calculate-net-section-resistance"}'
holds 'in the sandbox' 'all(f["engine"] == "sandbox" and f["engine_reason"] for f in d["functions"])'
matches 'the version is 1.0.0 and 12 hex digits of the content' "$(json 'd["version"]')" \
    '1.0.0-????????????'
STRUCTURAL=$(json 'd["version"]')
DEPLOYMENT=$(json 'd["deployment_id"]')
call GET "/api/deployments/$DEPLOYMENT"
status 200 'its deployment is kept'
holds 'with steps that are done' 'd["state"] == "succeeded" and d["steps"]
    and all(s["state"] == "done" for s in d["steps"])'
holds 'and the report of its tests' 'd["report"] is not None'
call GET /api/functions/calculate-bolt-resistance
status 200 'the function is shown'
holds 'with the schema of its type hints' 'd["inputs_schema"]["properties"]["diameter"]["minimum"] == 6
    and set(d["inputs_schema"]["required"]) >= {"diameter", "grade", "force"}'
call GET "/api/functions?q=bolt"
holds 'and found by a word' '"calculate-bolt-resistance" in [f["id"] for f in d["items"]]'
call GET "/api/functions/calculate-bolt-resistance/versions/$STRUCTURAL/source" \
    -H 'accept: application/zip'
status 200 'the source comes back as a ZIP'
"$PYTHON" -m zipfile -e "$BODY" "$WORK/structural-back"
if diff -r -x __pycache__ -x .pytest_cache "$EXAMPLES/structural-analysis" "$WORK/structural-back" \
    >"$WORK/diff"; then
    ok 'with the same files'
else
    failed 'with the same files' "$(cat "$WORK/diff")"
fi
printf 'no zip' >"$WORK/broken.zip"
call POST /api/functions -F "archive=@$WORK/broken.zip;type=application/zip"
status 422 'what is no ZIP is refused'
matches 'as a problem' "$(header content-type)" 'application/problem+json*'

# ---------------------------------------------------------------- 2: git

part '2: deployed from a git repository'
export GIT_AUTHOR_NAME=Story GIT_AUTHOR_EMAIL=story@example.com
export GIT_COMMITTER_NAME=Story GIT_COMMITTER_EMAIL=story@example.com
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
REPOSITORY=$WORK/repository
BEAM=story-beam-$RUN
mkdir -p "$REPOSITORY/packages/beam"
git -C "$REPOSITORY" init -q -b main
cat >"$REPOSITORY/packages/beam/mecapy.yaml" <<EOF
version: "1.0"
metadata:
  name: $BEAM
  description: Greatest moment of a simple beam under a uniform load
quality:
  test_cases:
    - inputs: {load: 8, span: 5}
      expected_outputs: {moment: 25}
versioning:
  version: "0.1.0"
EOF
cat >"$REPOSITORY/packages/beam/handler.py" <<'EOF'
def calculate(load: float, span: float) -> dict:
    """Moment at midspan (kN m) of a load (kN/m) over a span (m)."""
    return {"moment": load * span**2 / 8}
EOF
git -C "$REPOSITORY" add -A
git -C "$REPOSITORY" commit -q -m 'The beam'
git -C "$REPOSITORY" tag v0.1.0
COMMIT=$(git -C "$REPOSITORY" rev-parse HEAD)
# The branch goes on: what is deployed by the tag must not be this.
sed -i 's|/ 8|/ 999|; ' "$REPOSITORY/packages/beam/handler.py"
git -C "$REPOSITORY" commit -q -a -m 'A mistake'

post /api/functions "{\"git_url\": \"file://$REPOSITORY\", \"ref\": \"v0.1.0\", \"subdir\": \"packages/beam\"}" \
    -H 'prefer: respond-async'
status 202 'the deploy is under way'
DEPLOYMENT=$(json 'd["id"]')
same 'it is named by Location' "$(header location)" "/api/deployments/$DEPLOYMENT"
curl -sSN --max-time 120 -H "authorization: Bearer $MECAPY_TOKEN" -H 'accept: text/event-stream' \
    "$MECAPY_URL/api/deployments/$DEPLOYMENT/events" >"$WORK/deploy.sse"
ok 'its events end by themselves'
events "$WORK/deploy.sse" >"$WORK/deploy"
as_list "$WORK/deploy"
holds 'they number without a gap' '[e["id"] for e in d] == list(range(1, len(d) + 1))' "$WORK/deploy.json"
holds 'they tell the steps as they begin and end' '
    (lambda steps: {"manifest", "tests", "publish"} <= {s["name"] for s in steps}
     and {"running", "done"} == {s["state"] for s in steps})(
        [e["data"]["data"] for e in d if e["event"] == "step"])' "$WORK/deploy.json"
holds 'the last says that it has succeeded' \
    'd[-1]["event"] == "status" and d[-1]["data"]["data"]["state"] == "succeeded"' "$WORK/deploy.json"
call GET "/api/deployments/$DEPLOYMENT"
holds 'the deployment names its function' "d[\"functions\"] == [\"$BEAM\"]"
call GET "/api/functions/$BEAM/versions/latest"
holds 'the version names the commit' "\"$COMMIT\" in str(d[\"origin\"])"
post "/api/functions/$BEAM/execute" '{"inputs": {"load": 8, "span": 5}}' -H 'prefer: wait=10'
status 200 'the function of the tag is called'
holds 'its moment is q l^2 / 8 = 25 kN m' 'near(d["result"]["moment"], 25)'
post /api/functions "{\"git_url\": \"file://$REPOSITORY\", \"ref\": \"main\", \"subdir\": \"packages/beam\"}"
status 422 'the mistake on the branch is stopped by the test case'
holds 'and the answer says which' '"25" in str(d) and d["deployment_id"]'
post /api/functions "{\"git_url\": \"file://$REPOSITORY\", \"ref\": \"v0.1.0\", \"subdir\": \"no/such\"}"
status 422 'a folder that is not there is refused'
post /api/functions "{\"git_url\": \"file://$REPOSITORY\", \"ref\": \"v9\", \"subdir\": \"packages/beam\"}"
status 422 'a reference that is not there is refused'

# ---------------------------------------------------------------- 3: inline code

part '3: deployed as inline code'
STRESS=story-stress-$RUN
STRESS_1='def calculate(force: float, section: float) -> dict:
    """Stress (MPa) of a force (N) on a section (mm2)."""
    if section <= 0:
        raise ValueError("a section is above 0")
    return {"stress": force / section}
'
deploy_inline "$STRESS" "$STRESS_1"
matches 'its Location is the function' "$(header location)" "/api/functions/$STRESS"
post /api/functions \
    "{\"name\": \"$STRESS-bad\", \"code\": $(quoted 'import os
def calculate(inputs): return {}
')}"
status 422 'an import that is not allowed is refused'
holds 'with file, line and name' '"handler.py" in str(d) and "os" in str(d)'

# ---------------------------------------------------------------- 4: called and waited for

part '4: called, and waited for'
post /api/functions/calculate-bolt-resistance/execute \
    '{"inputs": {"diameter": 12, "grade": "8.8", "force": 50000}}' -H 'prefer: wait=10'
status 200 'the call of the quick start'
# Two planes through the threads of an M12 8.8: 2 · 0.6 · 800 · 84.3 / 1.25 (EN 1993-1-8).
holds 'resistance 64742.4 N' 'near(d["result"]["resistance"], 64742.4)'
holds 'utilization 0.77, OK' 'near(d["result"]["utilization"], 50000 / 64742.4) and d["result"]["status"] == "OK"'
holds 'a task with its state, version and usage' "d[\"state\"] == \"completed\"
    and d[\"version\"] == \"$STRUCTURAL\" and d[\"usage\"][\"wall_ms\"] > 0 and not d[\"cached\"]"
post /api/functions/calculate-bolt-resistance/execute \
    '{"inputs": {"diameter": 3, "grade": "8.8"}}' -H 'prefer: wait=10'
status 422 'inputs that break the schema are refused'
holds 'each violation with its pointer' '{"/inputs/diameter", "/inputs/force"} <= {v["pointer"] for v in d["violations"]}
    or {"/inputs/diameter", "/inputs"} <= {v["pointer"] for v in d["violations"]}'
post "/api/functions/$STRESS/execute" '{"inputs": {"force": 1000, "section": 0}}' -H 'prefer: wait=10'
status 200 'a call that raises is a task that has failed'
holds 'with the message and the traceback' 'd["state"] == "failed" and "above 0" in d["error"]["message"]
    and "handler.py" in d["error"]["traceback"]'

# ---------------------------------------------------------------- 5: called, and asked later

part '5: called, and asked later'
FOLLOWED=story-followed-$RUN
deploy_inline "$FOLLOWED" 'import time
import mecapy


def calculate(steps: int = 8, pause: float = 0.25) -> dict:
    """Counts, and says so."""
    print("begins")
    for step in range(1, steps + 1):
        mecapy.log(f"step {step}")
        mecapy.progress(step / steps, f"step {step} of {steps}")
        time.sleep(pause)
    return {"steps": steps}
'
post "/api/functions/$FOLLOWED/execute" '{"inputs": {"steps": 4}}'
status 202 'without Prefer the task goes on'
TASK=$(json 'd["id"]')
same 'Location names it' "$(header location)" "/api/tasks/$TASK"
call GET "/api/tasks/$TASK/results"
status 409 'there are no results yet'
until_state "$TASK" running
ETAG=$(header etag)
call GET "/api/tasks/$TASK/status" -H "if-none-match: $ETAG"
status 304 'the status is not sent again while it is the same'
same 'its body is empty' "$(wc -c <"$BODY" | tr -d ' ')" 0
END=$((SECONDS + 30))
while [ "$STATUS" = 304 ] && [ $SECONDS -le $END ]; do
    call GET "/api/tasks/$TASK/status" -H "if-none-match: $ETAG"
done
status 200 'it is sent when the task has changed'
until_state "$TASK" completed
ok 'the task completes'
same 'with another ETag' "$([ "$(header etag)" != "$ETAG" ] && echo yes)" yes
call GET "/api/tasks/$TASK/status" -H "if-none-match: $(header etag)"
status 304 'after the end it stays the same'
call GET "/api/tasks/$TASK/results"
status 200 'the results'
holds 'are what the function returned' 'd["result"] == {"steps": 4} and d["state"] == "completed"'
call GET "/api/tasks/$TASK/logs"
status 200 'the log'
holds 'has what it printed and logged, in order' '[e["message"].rstrip("\n") for e in d["entries"]] ==
    ["begins", "step 1", "step 2", "step 3", "step 4"] and not d["truncated"]'
post "/api/functions/$FOLLOWED/execute" '{"inputs": {"steps": 8}}' -H 'prefer: wait=1'
status 202 'who waits for less than it takes is given the task'
LEFT=$(json 'd["id"]')
until_state "$LEFT" completed
ok 'which goes on without the one who waited'
call GET "/api/tasks?function_id=$FOLLOWED&state=completed"
holds 'the task is listed' "\"$TASK\" in [t[\"id\"] for t in d[\"items\"]]"

# ---------------------------------------------------------------- 6: followed, cut off, resumed

part '6: followed, cut off and resumed'
post "/api/functions/$FOLLOWED/execute" '{"inputs": {"steps": 10}}'
status 202 'a task of some seconds'
TASK=$(json 'd["id"]')
# The connection is cut in the middle of event 5: its first line comes, and no more.
curl -sSN --max-time 60 -H "authorization: Bearer $MECAPY_TOKEN" \
    "$MECAPY_URL/api/tasks/$TASK/events" 2>/dev/null | sed -u '/^id: *5$/q' >"$WORK/first.sse" || true
events "$WORK/first.sse" >"$WORK/first"
same 'four events came before the cut' "$(wc -l <"$WORK/first" | tr -d ' ')" 4
call GET "/api/tasks/$TASK/status"
holds 'the task still runs' 'd["state"] == "running"'
curl -sSN --max-time 60 -H "authorization: Bearer $MECAPY_TOKEN" -H 'last-event-id: 4' \
    "$MECAPY_URL/api/tasks/$TASK/events" >"$WORK/rest.sse"
ok 'resumed, it ends with the task'
events "$WORK/rest.sse" >"$WORK/rest"
cat "$WORK/first" "$WORK/rest" >"$WORK/both"
as_list "$WORK/both"
holds 'no event is lost and none doubled' '[e["id"] for e in d] == list(range(1, len(d) + 1))' "$WORK/both.json"
holds 'each step is logged once' '[e["data"]["data"]["message"].rstrip("\n") for e in d if e["event"] == "log"] ==
    ["begins"] + [f"step {i}" for i in range(1, 11)]' "$WORK/both.json"
holds 'progress grows to 1' '(lambda p: p == sorted(p) and p[-1] == 1 and len(p) >= 3)(
    [e["data"]["data"]["fraction"] for e in d if e["event"] == "progress"])' "$WORK/both.json"
holds 'the states are told in order' '
    (lambda s: s[-2:] == ["running", "completed"])(
        [e["data"]["data"]["state"] for e in d if e["event"] == "status"])' "$WORK/both.json"
holds 'the result is told' '[e["data"]["data"]["result"] for e in d if e["event"] == "result"] == [{"steps": 10}]' "$WORK/both.json"
curl -sSN --max-time 60 -H "authorization: Bearer $MECAPY_TOKEN" \
    "$MECAPY_URL/api/tasks/$TASK/events" >"$WORK/again.sse"
events "$WORK/again.sse" >"$WORK/again"
same 'afterwards the whole is told again' "$(cat "$WORK/again")" "$(cat "$WORK/both")"
call GET "/api/tasks/$TASK/events" -H 'last-event-id: none'
status 400 'an event id that is none is refused'

# ---------------------------------------------------------------- 7: webhooks

part '7: webhooks'
INBOX=$WORK/inbox
"$PYTHON" "$HERE/receiver.py" listen "$INBOX" &
RECEIVER=$!
END=$((SECONDS + 10))
until [ -s "$INBOX/address" ]; do [ $SECONDS -le $END ] || { failed 'the receiver starts'; break; }; done
HOOK=$(cat "$INBOX/address")
OWN_SECRET=whsec_$("$PYTHON" -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())')

# delivered TASK PATH SECRET WHAT: waits, verifies, and shows the event in $WORK/event.
delivered() {
    local file
    if ! file=$("$PYTHON" "$HERE/receiver.py" wait "$INBOX" "$1" "$2" 2>&1); then
        failed "$4: delivered" "$file"
        return 0
    fi
    ok "$4: delivered"
    if "$PYTHON" "$HERE/receiver.py" verify "$file" "$3" 2>"$WORK/why"; then
        ok "$4: the signature is right"
    else
        failed "$4: the signature is right" "$(cat "$WORK/why")"
    fi
    if "$PYTHON" "$HERE/receiver.py" verify "$file" "whsec_$(printf '%032d' 0 | base64 -w0)" 2>/dev/null; then
        failed "$4: another secret's is not"
    else
        ok "$4: another secret's is not"
    fi
    DELIVERY=$(json 'd["headers"]["webhook-id"]' "$file")
    "$PYTHON" -c 'import base64, json, sys
sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["body"]))' "$file" >"$WORK/event"
}

post "/api/functions/$STRESS/execute" "{\"inputs\": {\"force\": 1000, \"section\": 10},
    \"webhook\": {\"url\": \"$HOOK/own\", \"secret\": \"$OWN_SECRET\"}}"
status 202 'a call that tells its end, with its own secret'
TASK=$(json 'd["id"]')
delivered "$TASK" /own "$OWN_SECRET" 'own secret'
holds 'it is told that the task completed, with the result' \
    'd["type"] == "task.completed" and d["data"]["result"] == {"stress": 100} and d["timestamp"]' "$WORK/event"
END=$((SECONDS + 10))
while call GET "/api/webhooks/deliveries?task_id=$TASK" && [ $SECONDS -le $END ] &&
    [ "$(json 'd["items"][0]["state"] if d["items"] else "none"')" != delivered ]; do :; done
status 200 'the deliveries of the task'
holds 'are one, with one attempt' "len(d[\"items\"]) == 1 and d[\"items\"][0][\"id\"] == \"$DELIVERY\"
    and d[\"items\"][0][\"state\"] == \"delivered\"
    and [a[\"status\"] for a in d[\"items\"][0][\"attempts\"]] == [204]"
holds 'and do not show the secret' "\"${OWN_SECRET#whsec_}\" not in str(d)"

call GET /api/webhooks/secret
status 200 "the tenant's secret"
TENANT_SECRET=$(json 'd["secret"]')
matches 'is a Standard Webhooks secret' "$TENANT_SECRET" 'whsec_*'
post "/api/functions/$STRESS/execute" "{\"inputs\": {\"force\": 1000, \"section\": 0},
    \"webhook\": \"$HOOK/tenant\"}" -H 'prefer: wait=10'
status 200 'a call that fails and tells it'
TASK=$(json 'd["id"]')
delivered "$TASK" /tenant "$TENANT_SECRET" "tenant's secret"
holds 'it is told that the task failed, and why' \
    'd["type"] == "task.failed" and "above 0" in d["data"]["error"]["message"]' "$WORK/event"

post "/api/functions/$STRESS/execute" "{\"inputs\": {\"force\": 10, \"section\": 10},
    \"webhook\": \"$HOOK/fails-once\"}" -H 'prefer: wait=10'
status 200 'a call whose receiver is down for a moment'
TASK=$(json 'd["id"]')
delivered "$TASK" /fails-once "$TENANT_SECRET" 'a second attempt'
END=$((SECONDS + 10))
while call GET "/api/webhooks/deliveries?task_id=$TASK" && [ $SECONDS -le $END ] &&
    [ "$(json 'd["items"][0]["state"]')" != delivered ]; do :; done
holds 'both attempts are listed' '[a["status"] for a in d["items"][0]["attempts"]] == [503, 204]'
post "/api/webhooks/deliveries/$DELIVERY/redeliver" ''
status 202 'a delivery is sent again when asked'
post "/api/functions/$STRESS/execute" '{"inputs": {"force": 10, "section": 10}, "webhook": "ftp://example.com/"}'
status 422 'a target that is no http URL is refused'
post "/api/functions/$STRESS/execute" "{\"inputs\": {\"force\": 10, \"section\": 10},
    \"webhook\": {\"url\": \"$HOOK/own\", \"secret\": \"whsec_short\"}}"
status 422 'a secret that is none is refused'

# ---------------------------------------------------------------- 8: inline tasks

part '8: a task of inline code'
post /api/tasks "{\"name\": \"calcul-contrainte-vis\", \"inputs\": {\"force\": 1000, \"section\": 10}, \"code\": $(quoted 'def calculate(inputs):
    force = inputs["force"]
    section = inputs["section"]
    return {"stress": force / section}
')}"
status 201 'the task is made'
TASK=$(json 'd["id"]')
same 'Location names it' "$(header location)" "/api/tasks/$TASK"
holds 'and does not run yet' 'd["state"] == "created" and d["function_id"] is None and d["name"] == "calcul-contrainte-vis"'
call POST "/api/tasks/$TASK/execute" -H 'prefer: wait=10'
status 200 'it is executed'
holds 'stress 100' 'd["state"] == "completed" and d["result"] == {"stress": 100}'
call POST "/api/tasks/$TASK/execute" -H 'prefer: wait=10'
status 200 'executed again, it is answered as it is'
holds 'with the same result, of the one attempt' 'd["result"] == {"stress": 100} and d["attempt"] == 1'
call POST "/api/tasks/$TASK/retry" -H 'prefer: wait=10'
status 200 'a retry is a new task'
holds 'that names the first' "d[\"id\"] != \"$TASK\" and d[\"retry_of\"] == \"$TASK\" and d[\"result\"] == {\"stress\": 100}"

# ---------------------------------------------------------------- 9: files

part '9: files in and out'
SUM=story-sum-$RUN
deploy_inline "$SUM" 'import mecapy


def calculate(inputs: dict) -> dict:
    """Adds the loads of a file, and writes each running total."""
    key = inputs["loads"]
    if isinstance(key, dict):
        key = key["$file"]
    total, lines = 0.0, []
    with mecapy.files.open(key) as file:
        for line in file:
            total += float(line)
            lines.append(f"{total:g}")
    with mecapy.files.open("results/totals.csv", "w") as file:
        file.write("\n".join(lines) + "\n")
    return {"total": total, "count": len(lines)}
'
seq 1 100 >"$WORK/loads.csv"
call POST "/api/files?key=story/$RUN/loads.csv" -H 'content-type: text/csv' --data-binary "@$WORK/loads.csv"
status 201 'a file is uploaded as a stream'
holds 'with its size and hash' "d[\"bytes\"] == $(wc -c <"$WORK/loads.csv")
    and d[\"sha256\"] == __import__(\"hashlib\").sha256(open(\"$WORK/loads.csv\", \"rb\").read()).hexdigest()"
post "/api/functions/$SUM/execute" "{\"inputs\": {\"loads\": {\"\$file\": \"story/$RUN/loads.csv\"}}}" -H 'prefer: wait=10'
status 200 'a function reads it'
holds 'the sum of 1 to 100 is 5050' 'd["result"] == {"total": 5050, "count": 100}'
TASK=$(json 'd["id"]')
call GET "/api/tasks/$TASK/files"
holds 'the file that it wrote is listed' '[f["key"] for f in d["items"]] == ["results/totals.csv"]'
call GET "/api/tasks/$TASK/files/results/totals.csv"
status 307 'it is fetched by a redirect'
LINK=$(header location)
anonymous GET "$LINK"
status 200 'the signed address needs no token'
same 'its last line is 5050' "$(tail -n 1 "$BODY")" 5050
same 'its length is told' "$(header content-length)" "$(wc -c <"$BODY" | tr -d ' ')"
anonymous GET "${LINK}0"
status 403 'an altered address is refused'

post /api/files "{\"key\": \"story/$RUN/signed.csv\", \"content_type\": \"text/csv\"}"
status 200 'a signed upload address'
anonymous PUT "$(json 'd["upload_url"]')" --data-binary "@$WORK/loads.csv" -H 'content-type: text/csv'
status 201 'takes a file without a token'
post "/api/functions/$SUM/execute" "{\"inputs\": {\"loads\": {\"\$file\": \"story/$RUN/signed.csv\"}}}" -H 'prefer: wait=10'
holds 'and a function reads it' 'd["result"] == {"total": 5050, "count": 100}'
call GET "/api/files/story/$RUN/signed.csv"
status 307 'a file is fetched by a redirect'
LINK=$(header location)
anonymous GET "$LINK" -H 'range: bytes=2-5'
status 206 'a range of it'
same 'is those bytes' "$(cat "$BODY")" "$(head -c 6 "$WORK/loads.csv" | tail -c 4)"
same 'of the whole' "$(header content-range)" "bytes 2-5/$(wc -c <"$WORK/loads.csv" | tr -d ' ')"
anonymous GET "$LINK" -H 'range: bytes=1000000-'
status 416 'a range outside of it is refused'
call GET "/api/files?prefix=story/$RUN/"
holds 'both are listed' 'len(d["items"]) == 2'
call DELETE "/api/files/story/$RUN/signed.csv"
status 204 'a file is deleted'
call GET "/api/files/story/$RUN/signed.csv"
status 404 'and is gone'
post "/api/functions/$SUM/execute" "{\"inputs\": {\"loads\": {\"\$file\": \"story/$RUN/signed.csv\"}}}" -H 'prefer: wait=10'
status 422 'an input file that is not there is refused'
call POST '/api/files?key=../x' -H 'content-type: text/plain' --data-binary x
status 422 'a key that leads elsewhere is refused'

# ---------------------------------------------------------------- 10: cancelled

part '10: cancelled'
BUSY=story-busy-$RUN
deploy_inline "$BUSY" 'def calculate(number: int = 0) -> dict:
    while True:
        pass
'
post "/api/functions/$BUSY/batch" "{\"inputs\": $("$PYTHON" -c 'print([{"number": i} for i in range(40)])' | tr "'" '"')}"
status 202 'more calls than there are places'
BATCH=$(json 'd["id"]')
FIRST=$(json 'd["tasks"][0]')
LAST=$(json 'd["tasks"][-1]')
until_state "$FIRST" running
call GET "/api/tasks/$LAST/status"
holds 'the last one waits' 'd["state"] == "queued"'
call POST "/api/tasks/$LAST/cancel"
status 200 'a task that waits is cancelled at once'
holds 'its state says so' 'd["state"] == "cancelled"'
call POST "/api/tasks/$LAST/cancel"
status 409 'one that has ended cannot be cancelled'
BEFORE=$(now_ms)
call POST "/api/tasks/$FIRST/cancel"
CANCELLED=$STATUS
until_state "$FIRST" cancelled 10
TOOK=$(($(now_ms) - BEFORE))
matches 'a running one is asked to stop (200 or 202)' "$CANCELLED" '20[02]'
if [ "$TOOK" -le 1000 ]; then ok "and stopped within a second ($TOOK ms)"; else failed "and stopped within a second: $TOOK ms"; fi
call GET "/api/tasks?parent=$BATCH&limit=200"
for task in $(json '" ".join(t["id"] for t in d["items"] if t["state"] in ("queued", "running"))'); do
    call POST "/api/tasks/$task/cancel"
    case $STATUS in 200 | 202) ;; *) failed "task $task is cancelled: status $STATUS" "$(cat "$BODY")" ;; esac
done
END=$((SECONDS + 20))
while call GET "/api/tasks?parent=$BATCH&limit=200" && [ $SECONDS -le $END ] &&
    [ "$(json 'all(t["state"] == "cancelled" for t in d["items"])')" != true ]; do :; done
holds 'all of them are' 'len(d["items"]) == 40 and all(t["state"] == "cancelled" for t in d["items"])'
post "/api/functions/$STRESS/execute" '{"inputs": {"force": 10, "section": 10}}' -H 'prefer: wait=10'
status 200 'and the server computes again'

# ---------------------------------------------------------------- 11: versions

part '11: versions, pins and rolling back'
AREA=story-area-$RUN
AREA_1='import math


def calculate(d: float) -> dict:
    return {"area": math.pi * d**2 / 4}
'
AREA_2='import math


def calculate(d: float) -> dict:
    return {"area": math.pi * d**2 / 4, "perimeter": math.pi * d}
'
# area VERSION: calls it, pinned to a version, or to none.
area() {
    local pin=
    [ -z "$1" ] || pin=", \"version\": \"$1\""
    post "/api/functions/$AREA/execute" "{\"inputs\": {\"d\": 2}$pin}" -H 'prefer: wait=10'
}
deploy_inline "$AREA" "$AREA_1" 1.0.0
OLD=$VERSION
deploy_inline "$AREA" "$AREA_1" 1.0.0
same 'the same content is the same version' "$VERSION" "$OLD"
deploy_inline "$AREA" "$AREA_2" 1.1.0
NEW=$VERSION
matches 'changed content is another version' "$NEW" '1.1.0-????????????'
area ''
holds 'the latest runs where none is asked for' "d[\"version\"] == \"$NEW\" and \"perimeter\" in d[\"result\"]"
area 1.0.0
status 200 'pinned to 1.0.0'
holds 'the first one runs' "d[\"version\"] == \"$OLD\" and set(d[\"result\"]) == {\"area\"}"
area "$OLD"
holds 'pinned in full too' "d[\"version\"] == \"$OLD\" and near(d[\"result\"][\"area\"], 3.141592653589793)"
area 1.0
holds 'and by 1.0' "d[\"version\"] == \"$OLD\""
area 1
holds '1 is the newest of them' "d[\"version\"] == \"$NEW\""
area 2.0.0
status 404 'a version that never was is not found'
area 'one'
status 422 'what is no version is refused'
call GET "/api/functions/$AREA/versions"
status 200 'the versions are listed'
holds 'the last deployed first' "[v[\"version\"] for v in d[\"items\"]] == [\"$NEW\", \"$OLD\"]"
call GET "/api/functions/$AREA/versions/$OLD/source"
status 200 'the source of the first one comes back'
"$PYTHON" -m zipfile -e "$BODY" "$WORK/area-back"
same 'as it was given' "$(cat "$WORK/area-back/handler.py"; echo .)" "$(printf '%s' "$AREA_1"; echo .)"

deploy_inline "$AREA" "$AREA_1" 1.0.0
same 'rolled back: the first content is the first version' "$VERSION" "$OLD"
call GET "/api/functions/$AREA"
holds 'which is the latest again' "d[\"version\"] == \"$OLD\""
area ''
holds 'and runs where none is asked for' "d[\"version\"] == \"$OLD\" and set(d[\"result\"]) == {\"area\"}"
deploy_inline "$AREA" "$AREA_2" 1.1.0
same 'and forward again' "$VERSION" "$NEW"
area ''
holds 'the second runs' "d[\"version\"] == \"$NEW\""
call DELETE "/api/functions/$AREA/versions/$NEW"
status 204 'rolled back by retiring the second'
area ''
status 200 'a call without a version'
holds 'runs the first' "d[\"version\"] == \"$OLD\" and set(d[\"result\"]) == {\"area\"}"
area "$NEW"
status 410 'the retired one is gone'
call GET "/api/functions/$AREA/versions/$NEW"
status 410 'and not shown'
call GET "/api/functions/$AREA/versions"
holds 'nor listed' "[v[\"version\"] for v in d[\"items\"]] == [\"$OLD\"]"
call GET "/api/functions/$AREA/versions/latest"
holds 'latest is the first' "d[\"version\"] == \"$OLD\""

# ---------------------------------------------------------------- 12: asked twice

part '12: asked twice'
KEY=story-$RUN
ONCE='{"inputs": {"force": 1000, "section": 10}}'
post "/api/functions/$STRESS/execute" "$ONCE" -H 'prefer: wait=10' -H "idempotency-key: $KEY"
status 200 'a call with an Idempotency-Key'
cp "$BODY" "$WORK/first-answer"
post "/api/functions/$STRESS/execute" "$ONCE" -H 'prefer: wait=10' -H "idempotency-key: $KEY"
status 200 'the same again'
same 'is answered as the first time, byte for byte' "$(cat "$BODY")" "$(cat "$WORK/first-answer")"
call GET "/api/tasks?function_id=$STRESS&limit=200"
holds 'and there is one task' "len([t for t in d[\"items\"] if t[\"id\"] == \"$(json 'd["id"]' "$WORK/first-answer")\"]) == 1"
post "/api/functions/$STRESS/execute" '{"inputs": {"force": 2000, "section": 10}}' -H 'prefer: wait=10' -H "idempotency-key: $KEY"
status 422 'with another body it is refused'
holds 'as a key that was used' '"idempotency" in d["type"]'
post /api/functions "{\"name\": \"story-once-$RUN\", \"code\": $(quoted "$STRESS_1")}" -H "idempotency-key: $KEY-deploy"
status 201 'a deploy with a key'
ONE=$(json 'd["deployment_id"]')
post /api/functions "{\"name\": \"story-once-$RUN\", \"code\": $(quoted "$STRESS_1")}" -H "idempotency-key: $KEY-deploy"
status 201 'again'
same 'is the same deploy' "$(json 'd["deployment_id"]')" "$ONE"

# ---------------------------------------------------------------- 13: batches

part '13: a batch'
post "/api/functions/$STRESS/batch" '{"inputs": [{"force": 100, "section": 10}, {"force": 200, "section": 10},
    {"force": 300, "section": 0}, {"force": 400, "section": 10}]}'
status 202 'four calls at once'
BATCH_URL=$(json 'd["tasks_url"]')
TASKS=$(json '" ".join(d["tasks"])')
same 'Location lists them' "$(header location)" "$BATCH_URL"
holds 'each has a task' 'len(set(d["tasks"])) == 4'
END=$((SECONDS + 30))
while call GET "$BATCH_URL" && [ $SECONDS -le $END ] &&
    [ "$(json 'all(t["state"] in ("completed", "failed") for t in d["items"])')" != true ]; do :; done
holds 'all end, one of them failed' 'sorted(t["state"] for t in d["items"]) == ["completed"] * 3 + ["failed"]'
RESULTS=
for task in $TASKS; do
    call GET "/api/tasks/$task/results"
    RESULTS="$RESULTS $(json 'd["result"]["stress"] if d["result"] else "failed"')"
done
same 'in the order of the inputs' "$RESULTS" ' 10.0 20.0 failed 40.0'
post "/api/functions/$STRESS/batch" '{"inputs": [{"force": 100, "section": 10}, {"force": "much", "section": 10}]}'
status 422 'a batch with a wrong input is refused'
holds 'naming which' 'd["violations"][0]["pointer"] == "/inputs/1/force"'

# ---------------------------------------------------------------- 14: retired

part '14: retired'
call DELETE "/api/functions/$AREA"
status 204 'the function is deleted'
call GET "/api/functions/$AREA"
status 410 'it is gone'
area ''
status 410 'and cannot be called'
area "$OLD"
status 410 'nor pinned'
call GET "/api/functions/$AREA/versions"
status 410 'nor are its versions listed'
call GET "/api/functions?q=$AREA"
holds 'nor is it found' 'd["items"] == []'
call GET "/api/tasks?function_id=$AREA"
status 200 'what it computed'
holds 'is kept' 'len(d["items"]) > 0'
call DELETE "/api/functions/$AREA"
status 410 'deleted again, it is still gone'
deploy_inline "$AREA" "$AREA_1" 1.0.0
same 'deployed again, it is the version that it was' "$VERSION" "$OLD"
area ''
status 200 'and is called again'
area "$NEW"
status 410 'but only what was deployed again came back'

for function in "$AREA" "$BEAM" "$STRESS" "$FOLLOWED" "$SUM" "$BUSY" "story-once-$RUN"; do
    call DELETE "/api/functions/$function"
    status 204 "$function is retired"
done

if [ "$FAILED_STEPS" -gt 0 ]; then
    printf '\n%s steps FAILED\n' "$FAILED_STEPS"
    exit 1
fi
printf '\nthe whole story holds\n'
