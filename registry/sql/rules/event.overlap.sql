-- id: event.overlap
-- severity: query
-- kind: plausibility
-- columns: term, start_date
-- message: The same term of line {other} lasts beyond this start, until {until}.
-- meaning: Two events of one term overlap.
-- advice: If it is one event, send one row; else close the earlier one.
-- source: choice
SELECT line, until > start_date AS wrong, other, until
FROM (
    SELECT
        line, start_date, lag(stop_date) OVER person AS until, lag("at") OVER person AS other
    FROM event
    WHERE term <> 'Other'
    WINDOW person AS (PARTITION BY patient_id, term ORDER BY start_date, line)
)
WHERE until IS NOT NULL
