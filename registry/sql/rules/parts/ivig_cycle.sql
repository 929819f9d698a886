-- Immunoglobulin in g/kg by infusion day, by its own weight or the nearest one within 180 days, and the days of a cycle:
-- a new one begins $gap_days days or more after the day before. $infusion is the table of infusions.
given AS (
    SELECT
        row.line, any_value(row.patient_id) AS patient_id, any_value(row.date) AS date,
        any_value(row.dose) AS dose, any_value(row.dose_unit) AS dose_unit,
        coalesce(
            any_value(row.weight), first(visit.weight ORDER BY abs(row.date - visit.date), visit.date)
        ) AS kg
    FROM $infusion AS row
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
            coalesce(date - lag(date) OVER (PARTITION BY patient_id ORDER BY date, line) >= $gap_days, true) AS fresh
        FROM day
    )
)
