-- The rows of a table in force, with their person.
SELECT s.centre || '/' || t.patient_id AS person_id, s.centre, t.record, {columns}
FROM "{table}" AS t
JOIN ({in_force}) AS s USING (submission_id)
