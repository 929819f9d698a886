-- Consent to research use
SELECT person_id, 'no consent' AS reason
FROM patient
WHERE consent <> 'yes'
ORDER BY person_id
