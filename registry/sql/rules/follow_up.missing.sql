-- id: follow_up.missing
-- severity: query
-- kind: completeness
-- whole: yes
-- message: The person in line {patient_line} of patient.csv has no row.
-- meaning: A person has no row in follow_up.csv.
-- advice: Add the row: last_seen_date and status decide how long the person is followed.
-- source: limits of this project
SELECT last_word.patient_id IS NULL AS wrong, patient.line AS patient_line
FROM accepted_patient AS patient
LEFT JOIN (SELECT DISTINCT patient_id FROM follow_up) AS last_word USING (patient_id)
-- A file without any row is another problem.
WHERE EXISTS (FROM follow_up)
