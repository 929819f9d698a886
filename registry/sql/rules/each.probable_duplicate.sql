-- each: $table $what | visit (date, phga, mmt8, weight, prednisone) | lab (date, analyte, value_raw)
-- id: ${table}.probable_duplicate
-- severity: query
-- kind: plausibility
-- columns: patient_id
-- message: This person and the one of line {other} have the same sex, year of birth, dates of onset and diagnosis,
--   and the same first three rows here.
-- meaning: Two persons share sex, year of birth, dates of onset and diagnosis, and their first three rows.
-- advice: If they are one person, send all rows under one patient_id; else confirm.
-- source: choice: three rows
WITH person AS (
    SELECT
        min(row.line) AS line, patient_id, count(*) AS rows,
        -- Only the first three rows: those after them may have been entered under one of the two alone.
        list(${what} ORDER BY date, row.line)[:3] AS first_rows
    FROM ${table} AS row
    GROUP BY patient_id
)
SELECT line, other < line AS wrong, other
FROM (
    SELECT
        person.line,
        min(person.line) OVER (PARTITION BY sex, birth_year, onset_date, diagnosis_date, first_rows) AS other
    FROM person JOIN accepted_patient AS patient USING (patient_id)
    WHERE rows >= 3
)
