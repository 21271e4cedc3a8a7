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

# shellcheck source=story_calls.sh
. "$HERE/story_calls.sh"

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

# shellcheck source=story_later.sh
. "$HERE/story_later.sh"
