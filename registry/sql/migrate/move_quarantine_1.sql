-- Without the content of the rows, which held ids in clear and, at times, what made them unfit to be kept.
INSERT INTO quarantine
SELECT kept.submission_id, kept.table_name, kept.table_name || '.csv', kept.line, kept.rules, person.pseudonym
FROM quarantine_1 AS kept
JOIN submission_1 USING (submission_id)
LEFT JOIN person
    ON person.centre = submission_1.centre AND person.patient_id = json_extract_string(kept.content, '$.patient_id')
ORDER BY ALL
