-- Results of each analyte by centre and sex: how many, of how many persons, how many without a stated upper limit of
-- normal (ULN), and the median log2 of their multiples of the ULN in force.
SELECT
    lab.centre,
    lab.analyte,
    patient.sex,
    count(*) AS results,
    count(*) FILTER (lab.uln IS NULL) AS without_uln,
    count(DISTINCT lab.person_id) FILTER (multiple.log2_multiple IS NOT NULL) AS persons,
    median(multiple.log2_multiple) AS median_log2
FROM lab
INNER JOIN patient USING (person_id)
LEFT JOIN lab_multiple AS multiple
    ON lab.person_id = multiple.person_id AND lab.analyte = multiple.analyte
    AND lab.date = multiple.date AND lab.record = multiple.record
GROUP BY lab.centre, lab.analyte, patient.sex
ORDER BY lab.centre, lab.analyte, patient.sex
