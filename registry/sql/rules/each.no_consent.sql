-- each: $table | antibody | course | infusion | visit | lab | event
-- id: ${table}.no_consent
-- severity: query
-- kind: conformance
-- columns: patient_id
-- message: The person does not consent to research use, and {rows} of their rows are sent in ${table}.csv.
-- meaning: Rows of a person who does not consent to research use.
-- advice: Correct consent in patient.csv, or leave the rows of this person out.
-- source: consent to research use
SELECT
    min(row.line) AS line, any_value(patient.consent) = 'no' AS wrong, count(*) AS rows
FROM ${table} AS row
JOIN accepted_patient AS patient USING (patient_id)
GROUP BY patient_id
