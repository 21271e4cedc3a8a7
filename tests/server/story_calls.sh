# What story.sh says, calls and reads with; sourced by it.

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
