-- The persons in force, linked: what the centre that enrolled first says, and no consent if it is missing anywhere.
SELECT
    coalesce(linked.person_id, s.centre || '/' || t.patient_id) AS person_id,
    s.centre,
    t.record,
    t.* EXCLUDE (submission_id, record, patient_id) REPLACE (min(t.consent) OVER person AS consent)
FROM patient AS t
JOIN ({in_force}) AS s USING (submission_id)
LEFT JOIN linked ON linked.own_id = s.centre || '/' || t.patient_id
WINDOW person AS (PARTITION BY coalesce(linked.person_id, s.centre || '/' || t.patient_id))
QUALIFY linked.person_id IS NULL OR linked.own_id = linked.person_id
