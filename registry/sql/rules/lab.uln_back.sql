-- id: lab.uln_back
-- severity: query
-- kind: plausibility
-- columns: analyte, uln, date
-- message: The upper limit of normal of {analyte} for {sex} persons goes from {before} to {odd} {unit} and back,
--   from {start} to {finish}.
-- meaning: The upper limit of normal of an analyte changes and goes back again.
-- advice: Confirm that the laboratory used {odd} in between.
-- source: limits of this project
WITH usual AS (
    -- The most frequent limit of each quarter.
    SELECT
        analyte, sex, unit, method, quarter, arg_max(uln_raw, (rows, -uln_raw)) AS uln,
        arg_max(line, (rows, -uln_raw)) AS line
    FROM (
        SELECT
            analyte, sex, row.unit, method, date_trunc('quarter', date) AS quarter, uln_raw, count(*) AS rows,
            min(row.line) AS line
        FROM lab AS row
        JOIN accepted_patient AS patient USING (patient_id)
        WHERE uln_raw > 0
        GROUP BY ALL
    )
    GROUP BY ALL
)
SELECT
    line, coalesce(before = after, false) AS wrong, analyte, sex, unit, before, uln AS odd,
    CAST(quarter AS DATE) AS start,
    CAST(next AS DATE) - 1 AS finish
FROM (
    SELECT
        *, lag(uln) OVER period AS before, lead(uln) OVER period AS after, lead(quarter) OVER period AS next
    FROM (
        -- Quarters in which it changes.
        SELECT * FROM usual
        QUALIFY uln IS DISTINCT FROM lag(uln) OVER (PARTITION BY analyte, sex, unit, method ORDER BY quarter)
    )
    WINDOW period AS (PARTITION BY analyte, sex, unit, method ORDER BY quarter)
)
WHERE before IS NOT NULL
