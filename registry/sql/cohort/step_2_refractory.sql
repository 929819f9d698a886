-- Refractory: glucocorticoids and at least one other immunosuppressant failed or were not tolerated
SELECT person_id, 'not refractory' AS reason
FROM patient ANTI JOIN refractory_onset USING (person_id)
ORDER BY person_id
