-- What changed in a table from one submission to another: a row added or removed, or a value of a row changed.
WITH before AS (SELECT * FROM "{table}" WHERE submission_id = $before),
after AS (SELECT * FROM "{table}" WHERE submission_id = $after),
pair AS (
    SELECT
        coalesce(after.patient_id, before.patient_id) AS patient_id,
        concat_ws(', ', {key}) AS key,
        before.record AS old_record,
        after.record AS new_record,
        CASE
            WHEN before.record IS NOT NULL AND after.record IS NOT NULL
            THEN list_filter([{values}], lambda one: one.old IS DISTINCT FROM one.new)
            ELSE [{'column': NULL, 'old': NULL, 'new': NULL}]
        END AS differences
    FROM before FULL OUTER JOIN after ON {same}
)
SELECT
    '{table}' AS table_name,
    patient_id,
    key,
    CASE WHEN old_record IS NULL THEN 'added' WHEN new_record IS NULL THEN 'removed' ELSE 'changed' END AS change,
    difference.column AS "column",
    difference.old AS old_value,
    difference.new AS new_value,
    old_record,
    new_record
FROM (SELECT *, unnest(differences) AS difference FROM pair)
