-- id: infusion.ivig_cycles_close
-- severity: query
-- kind: plausibility
-- columns: date
-- message: A cycle of {total} g/kg begins {days} days after one of {total_before} g/kg, which ended on {before}.
-- meaning: Less than 7 days between two cycles of at least 2 g/kg of immunoglobulin (infusion days at most 2 days
--   apart).
-- advice: Confirm the dates; day and month may have been exchanged.
-- source: limits of this project
WITH given AS (
    SELECT
        row.line, any_value(row.patient_id) AS patient_id, any_value(row.date) AS date,
        any_value(row.dose) AS dose, any_value(row.dose_unit) AS dose_unit,
        coalesce(
            any_value(row.weight), first(visit.weight ORDER BY abs(row.date - visit.date), visit.date)
        ) AS kg
    FROM infusion AS row
    LEFT JOIN accepted_visit AS visit
        ON visit.patient_id = row.patient_id AND abs(row.date - visit.date) <= 180 AND visit.weight IS NOT NULL
    WHERE row.agent = 'ivig'
    GROUP BY row.line
),
day AS (
    SELECT
        line, patient_id, date,
        CASE dose_unit
            WHEN 'g/kg' THEN dose
            WHEN 'mg/kg' THEN dose / 1000
            WHEN 'g' THEN dose / kg
            WHEN 'mg' THEN dose / kg / 1000
        END AS g_kg
    FROM given
),

cycle AS (
    SELECT *, count(*) FILTER (fresh) OVER (PARTITION BY patient_id ORDER BY date, line) AS number
    FROM (
        SELECT
            *,
            coalesce(date - lag(date) OVER (PARTITION BY patient_id ORDER BY date, line) >= 3, true) AS fresh
        FROM day
    )
),

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
