-- Persons whom several centres know: each id with the one that counts, that of the centre that enrolled first.
SELECT own_id, first_value(own_id) OVER (PARTITION BY link_key ORDER BY enrolled_date, own_id) AS person_id
FROM (
    SELECT s.centre || '/' || t.patient_id AS own_id, t.link_key, t.enrolled_date
    FROM patient AS t
    JOIN ({in_force}) AS s USING (submission_id)
    WHERE t.link_key IS NOT NULL
)
QUALIFY count(*) OVER (PARTITION BY link_key) > 1
ORDER BY own_id
