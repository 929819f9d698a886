-- id: infusion.ivig_cycles_close
-- severity: query
-- kind: plausibility
-- columns: date
-- message: A cycle of {total} g/kg begins {days} days after one of {total_before} g/kg, which ended on {before}.
-- meaning: Less than 7 days between two cycles of at least 2 g/kg of immunoglobulin (infusion days at most 2 days
--   apart).
-- advice: Confirm the dates; day and month may have been exchanged.
-- source: limits of this project
WITH {ivig_cycle infusion=infusion gap_days=3},

total AS (
    SELECT patient_id, min(line) AS line, round(sum(g_kg), 3) AS total, min(date) AS start, max(date) AS finish
    FROM cycle
    GROUP BY patient_id, number
)
SELECT
    line, start - before < 7 AND total >= 2 AND total_before >= 2 AS wrong, total, total_before, start - before AS days,
    before
FROM (
    SELECT *, lag(total) OVER person AS total_before, lag(finish) OVER person AS before
    FROM total
    WINDOW person AS (PARTITION BY patient_id ORDER BY start)
)
WHERE total IS NOT NULL AND total_before IS NOT NULL
