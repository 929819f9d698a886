-- How many rows of a table a submission added, removed, changed and left as they were.
INSERT INTO submission_change
SELECT $after, '{table}', change, count(*) AS rows
FROM (
    SELECT
        CASE
            WHEN before.record IS NULL THEN 'added'
            WHEN after.record IS NULL THEN 'removed'
            WHEN {same_values} THEN 'unchanged'
            ELSE 'changed'
        END AS change
    FROM (SELECT * FROM "{table}" WHERE submission_id = $before) AS before
    FULL OUTER JOIN (SELECT * FROM "{table}" WHERE submission_id = $after) AS after ON {same}
)
GROUP BY change
ORDER BY change
