# The later parts of story.sh: inline tasks, files, cancelling, versions, batches, retiring;
# sourced by it.

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
