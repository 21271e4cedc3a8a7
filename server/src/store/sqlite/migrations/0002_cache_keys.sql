-- Which calls are the same, where the queue looks: of those one runs at a time.

ALTER TABLE tasks ADD COLUMN cache_key BLOB;
-- It was an array of numbers in the document.
UPDATE tasks
    SET cache_key = (
        SELECT unhex(group_concat(printf('%02x', byte.value), ''))
        FROM json_each(tasks.doc, '$.cache_key') AS byte
    )
    WHERE CASE WHEN instr(doc, '"cache_key":[') AND json_valid(doc)
        THEN json_array_length(doc, '$.cache_key') = 32 ELSE 0 END;
CREATE INDEX tasks_running_calls ON tasks (tenant, cache_key)
    WHERE state = 'running' AND cache_key IS NOT NULL;
-- With all that decides, so that those that are passed over cost no look at their rows.
DROP INDEX tasks_ready;
CREATE INDEX tasks_ready ON tasks (class, tenant, queued_at, n, cache_key, state, not_before)
    WHERE state = 'queued' AND not_before IS NULL;
