-- The upper limits of normal that a centre states for an analyte, sex and assay, one row a period of the same limit.
-- Months, not days: the first day of a limit is the day on which somebody's blood was taken.
WITH
stated AS (
    SELECT
        lab.centre, lab.analyte, patient.sex, coalesce(lab.method, '') AS method, lab.date, lab.uln,
        lab.uln IS DISTINCT FROM lag(lab.uln) OVER assay AS new
    FROM lab
    INNER JOIN patient USING (person_id)
    WHERE lab.uln IS NOT NULL
    WINDOW assay AS (
        PARTITION BY lab.centre, lab.analyte, patient.sex, coalesce(lab.method, '') ORDER BY lab.date, lab.uln
    )
),

numbered AS (
    SELECT *, count(*) FILTER (new) OVER (
        PARTITION BY centre, analyte, sex, method ORDER BY date, uln ROWS UNBOUNDED PRECEDING
    ) AS period
    FROM stated
)

SELECT
    numbered.centre,
    numbered.analyte,
    numbered.sex,
    numbered.method,
    numbered.period,
    CAST(any_value(numbered.uln) AS DOUBLE) AS uln,
    strftime(min(numbered.date), '%Y-%m') AS first_month,
    strftime(max(numbered.date), '%Y-%m') AS last_month,
    any_value(numbered.uln) NOT BETWEEN
    CAST(any_value(analytes.uln_soft_low) AS DECIMAL(18, 6)) AND CAST(any_value(analytes.uln_soft_high) AS DECIMAL(18, 6))
        AS outside,
    any_value(analytes.unit) AS unit
FROM numbered
INNER JOIN analytes USING (analyte)
GROUP BY numbered.centre, numbered.analyte, numbered.sex, numbered.method, numbered.period
ORDER BY numbered.centre, numbered.analyte, numbered.sex, numbered.method, numbered.period
