-- id: patient.probable_duplicate_elsewhere
-- severity: query
-- kind: plausibility
-- columns: sex, birth_year, onset_date, diagnosis_date
-- message: A person of {other} has the same sex, year of birth and kind of myositis, and dates of onset and diagnosis
--   within 31 days.
-- meaning: A person of another centre shares sex, year of birth and kind of myositis, and was diagnosed within 31 days.
-- advice: If they are one person, agree on a link_key with that centre and send it from both; else confirm.
-- source: choice: 31 days
--
-- One row a person of this centre; those whom a link key already joins are no question.
WITH person AS (
    SELECT
        patient.*, in_force.centre, in_force.centre = $centre AS own,
        CASE WHEN diagnosis IN ('DM', 'ADM') THEN 'DM' ELSE diagnosis END AS class
    FROM patient
    JOIN in_force USING (submission_id)
)
SELECT
    count(elsewhere.centre) > 0 AS wrong, own.record, own.patient_id,
    coalesce(string_agg(DISTINCT elsewhere.centre, ', ' ORDER BY elsewhere.centre), '') AS other
FROM person AS own
LEFT JOIN person AS elsewhere
    ON NOT elsewhere.own
    AND elsewhere.sex = own.sex
    AND elsewhere.birth_year = own.birth_year
    AND elsewhere.class = own.class
    AND abs(elsewhere.diagnosis_date - own.diagnosis_date) <= 31
    AND abs(elsewhere.onset_date - own.onset_date) <= 31
    AND (own.link_key IS NULL OR elsewhere.link_key IS NULL)
WHERE own.own AND own.onset_date IS NOT NULL
GROUP BY own.record, own.patient_id
ORDER BY own.record
