-- id: lab.several_uln
-- severity: query
-- kind: plausibility
-- columns: analyte, uln, date
-- message: {limits} upper limits of normal of {analyte} in one quarter, {quarter}, for {sex} persons and one
--   assay: {listed} {unit}.
-- meaning: An analyte has several upper limits of normal in one quarter, for one sex, unit and method.
-- advice: Confirm: one assay has one upper limit at a time, for each sex. Name the assay in method if there are
--   two.
-- source: limits of this project
WITH counted AS (
    SELECT
        analyte, sex, row.unit, method, date_trunc('quarter', date) AS quarter, uln_raw, count(*) AS rows,
        min(row.line) AS line
    FROM lab AS row
    JOIN accepted_patient AS patient USING (patient_id)
    WHERE uln_raw > 0
    GROUP BY ALL
)
SELECT
    coalesce(min(line) FILTER (uln_raw <> usual), min(line)) AS line, count(*) > 1 AS wrong, count(*) AS limits,
    analyte, sex, unit, year(quarter) || ' Q' || quarter(quarter) AS quarter,
    array_to_string(
        list(regexp_replace(uln_raw::VARCHAR, '\.?0+$', '') ORDER BY rows DESC, uln_raw)[:5], ', '
    ) AS listed
FROM (
    SELECT
        *,
        first_value(uln_raw) OVER (
            PARTITION BY analyte, sex, unit, method, quarter ORDER BY rows DESC, uln_raw
        ) AS usual
    FROM counted
)
GROUP BY analyte, sex, unit, method, quarter
