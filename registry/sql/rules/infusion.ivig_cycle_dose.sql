-- id: infusion.ivig_cycle_dose
-- severity: reject
-- kind: plausibility
-- columns: dose, dose_unit, date
-- message: {total} g/kg of immunoglobulin in one cycle, {start} to {finish}; more than 4 is not given.
-- meaning: More than 4 g/kg of immunoglobulin in one cycle, by the infusion's weight or the nearest one within 180
--   days.
-- advice: Check doses, units and weight; infusion days less than 7 days apart count as one cycle.
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
        line, patient_id, date, dose_unit = 'g/kg' AND dose > 4 AS told,
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
            coalesce(date - lag(date) OVER (PARTITION BY patient_id ORDER BY date, line) >= 7, true) AS fresh
        FROM day
    )
),

total AS (
    SELECT patient_id, number, round(sum(g_kg), 3) AS total, min(date) AS start, max(date) AS finish
    FROM cycle
    GROUP BY patient_id, number
    -- A single day above 4 g/kg is told as such; without every day's dose the sum is not known.
    HAVING NOT bool_or(coalesce(told, false)) AND count(*) = count(g_kg)
)
SELECT line, total > 4 AS wrong, total, start, finish
FROM cycle JOIN total USING (patient_id, number)
