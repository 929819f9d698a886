-- Refractory: inadequate response to, or intolerance of, glucocorticoids and at least one other immunosuppressant.
-- needs: course, agents
--
-- Dated by the later of the two first occasions, because only then both are known. An inadequate response counts from
-- the day on which it was judged (without one, from the stop of that course), inefficacy and intolerance from the stop
-- that they caused. Without any date it counts nowhere. Antimalarials are no immunosuppressant in this sense.

WITH
occasion AS (
    SELECT course.person_id, agents.class, course.agent, 'inefficacy' AS reason,
        coalesce(course.response_date, course.stop_date) AS date, course.record
    FROM course
    INNER JOIN agents ON course.agent = agents.agent
    WHERE course.response = 'inadequate'
    UNION ALL
    SELECT course.person_id, agents.class, course.agent, course.stop_reason, course.stop_date, course.record
    FROM course
    INNER JOIN agents ON course.agent = agents.agent
    WHERE course.stop_reason IN ('inefficacy', 'intolerance')
),

first_occasion AS (
    SELECT *
    FROM occasion
    WHERE date IS NOT NULL AND class IN ('glucocorticoid', 'immunosuppressant')
    QUALIFY row_number() OVER (PARTITION BY person_id, class ORDER BY date, reason, agent, record) = 1
)

SELECT
    glucocorticoid.person_id,
    greatest(glucocorticoid.date, immunosuppressant.date) AS refractory_date,
    glucocorticoid.reason AS glucocorticoid_reason,
    glucocorticoid.date AS glucocorticoid_date,
    glucocorticoid.record AS glucocorticoid_record,
    immunosuppressant.agent AS immunosuppressant,
    immunosuppressant.reason AS immunosuppressant_reason,
    immunosuppressant.date AS immunosuppressant_date,
    immunosuppressant.record AS immunosuppressant_record
FROM first_occasion AS glucocorticoid
INNER JOIN first_occasion AS immunosuppressant ON glucocorticoid.person_id = immunosuppressant.person_id
WHERE glucocorticoid.class = 'glucocorticoid' AND immunosuppressant.class = 'immunosuppressant'
ORDER BY glucocorticoid.person_id
