-- id: lab.copied_forward
-- severity: query
-- kind: plausibility
-- columns: analyte, value, date
-- message: All {values} values of {analyte} of this person, {start} to {finish}, are the same to the last digit.
-- meaning: At least five values of one analyte of a person, on all dates, are the same to the last digit.
-- advice: Confirm that they were measured and not copied from date to date.
-- source: limits of this project
SELECT
    min(line) AS line, min(value_raw) = max(value_raw) AS wrong, analyte, count(*) AS values, min(date) AS start,
    max(date) AS finish
FROM lab
WHERE value_raw IS NOT NULL
GROUP BY patient_id, analyte
HAVING count(DISTINCT date) >= 5
