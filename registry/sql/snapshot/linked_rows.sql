-- The rows of a table in force, with persons linked; a row that two centres have sent counts once.
SELECT coalesce(linked.person_id, s.centre || '/' || t.patient_id) AS person_id, s.centre, t.record, {columns}
FROM "{table}" AS t
JOIN ({in_force}) AS s USING (submission_id)
LEFT JOIN linked ON linked.own_id = s.centre || '/' || t.patient_id
QUALIFY
    linked.person_id IS NULL
    OR row_number() OVER (PARTITION BY {keys} ORDER BY linked.own_id = linked.person_id DESC, s.centre, t.record) = 1
