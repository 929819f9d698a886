-- The rows of a table of the contract, with pseudonyms in place of ids; columns that layout 1 did not have stay empty.
INSERT INTO "{table}" BY NAME
SELECT kept.* REPLACE (person.pseudonym AS patient_id)
FROM "{table}_1" AS kept
JOIN submission_1 USING (submission_id)
JOIN person ON person.centre = submission_1.centre AND person.patient_id = kept.patient_id
ORDER BY kept.submission_id, kept.rowid
