-- Treatment failure: the first of confirmed deterioration, no response after 24 weeks, inefficacy of the first agent,
-- and death from myositis.
-- needs: time_zero, deterioration, tis, treatment_line, switch, death, rule
--
-- No response needs an upper bound below a minimal response, so that missing components fail nobody.
-- Stopping for another reason than inefficacy is not a failure. Of causes on one day the first in this order counts:
-- death from myositis, inefficacy, deterioration, no response.

WITH
cause AS (
    SELECT person_id, death_date AS failure_date, 'death from myositis' AS component, 1 AS place, record
    FROM death
    WHERE cause = 'myositis'
    UNION ALL
    -- The line that was running at time zero; a later line of the same agent is another treatment.
    SELECT treatment_line.person_id, treatment_line.stop_date, 'inefficacy', 2, treatment_line.record
    FROM treatment_line
    INNER JOIN time_zero USING (person_id)
    WHERE
        treatment_line.agent = time_zero.arm
        AND (treatment_line.agent <> 'ivig' OR treatment_line.intent = 'immunomodulatory')
        AND treatment_line.start_date <= time_zero.time_zero_date
        AND treatment_line.stop_reason = 'inefficacy'
    UNION ALL
    SELECT person_id, switch_date, 'inefficacy', 2, record
    FROM switch
    WHERE reason = 'inefficacy'
    UNION ALL
    SELECT person_id, deterioration_date, 'deterioration', 3, record
    FROM deterioration
    UNION ALL
    SELECT tis.person_id, tis.date, 'no response', 4, tis.record
    FROM tis
    CROSS JOIN rule
    WHERE tis.day >= rule.failure_no_response_days AND tis.tis_high < rule.tis_minimal
)

SELECT time_zero.person_id, cause.failure_date, cause.component, cause.record
FROM time_zero
LEFT JOIN cause
    ON time_zero.person_id = cause.person_id AND cause.failure_date >= time_zero.time_zero_date
WHERE time_zero.time_zero_date IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY time_zero.person_id ORDER BY cause.failure_date, cause.place, cause.record
) = 1
ORDER BY time_zero.person_id
