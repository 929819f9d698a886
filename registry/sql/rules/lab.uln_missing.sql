-- id: lab.uln_missing
-- severity: query
-- kind: completeness
-- columns: analyte, uln, date
-- message: No upper limit of normal of {analyte} for {sex} persons in {year}: {rows} values in {unit} cannot be
--   used.
-- meaning: An enzyme has no upper limit of normal at all in a year with at least five values, for one
--   sex and unit.
-- advice: Fill uln from the laboratory's list; one value for each sex and period is enough if every row has it.
-- source: limits of this project; choice: five values
SELECT
    min(row.line) AS line, count(uln_raw) = 0 AS wrong, analyte, sex, row.unit AS unit, count(*) AS rows,
    year(any_value(date)) AS year
FROM lab AS row
JOIN accepted_patient AS patient USING (patient_id)
WHERE analyte IN ('CK', 'LDH', 'aldolase', 'AST', 'ALT') AND date IS NOT NULL
GROUP BY analyte, sex, row.unit, year(date)
HAVING count(*) >= 5
