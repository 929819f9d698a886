-- id: course.overlap
-- severity: query
-- kind: plausibility
-- columns: agent, start_date
-- message: The course of line {other} of the same agent goes on beyond this start: {until}.
-- meaning: Two courses of one agent overlap.
-- advice: Close the earlier course: a course has one agent at one dose, and a change of dose begins a new one.
-- source: the contract: a continuous course of one agent at one dose
SELECT line, last > start_date AS wrong, other, if(last = DATE '9999-12-31', 'still taken', 'until ' || last) AS until
FROM (
    SELECT
        line, start_date, lag(last_day) OVER person AS last, lag("at") OVER person AS other
    FROM (
        SELECT
            line, "at", patient_id, agent, start_date,
            if(stop_status = 'still taken', DATE '9999-12-31', stop_date) AS last_day
        FROM course
        -- A pulse may be given beside the daily dose.
        WHERE schedule IS DISTINCT FROM 'once'
    )
    WHERE last_day IS NOT NULL
    WINDOW person AS (PARTITION BY patient_id, agent ORDER BY start_date, line)
)
WHERE other IS NOT NULL
