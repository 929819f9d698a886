-- id: patient.link_key_contradicts
-- severity: query
-- kind: conformance
-- columns: link_key, sex, birth_year
-- message: The person of {other} with this link_key has another sex or year of birth.
-- meaning: Persons of two centres share a link key, and differ in sex or year of birth.
-- advice: Compare the link_key with that centre; one of the two was given to somebody else, or one value is wrong.
-- source: a link key names one person
--
-- One row a person of this centre whose link key another centre has too.
WITH person AS (
    SELECT patient.*, in_force.centre, in_force.centre = $centre AS own
    FROM patient
    JOIN in_force USING (submission_id)
    WHERE patient.link_key IS NOT NULL
),
pair AS (
    SELECT
        own.record, own.patient_id, elsewhere.centre,
        own.birth_year <> elsewhere.birth_year
            OR (own.sex <> elsewhere.sex AND own.sex <> 'unknown' AND elsewhere.sex <> 'unknown') AS differs
    FROM person AS own
    JOIN person AS elsewhere ON elsewhere.link_key = own.link_key AND own.own AND NOT elsewhere.own
)
SELECT
    bool_or(differs) AS wrong, record, patient_id,
    coalesce(string_agg(DISTINCT centre, ', ' ORDER BY centre) FILTER (differs), '') AS other
FROM pair
GROUP BY record, patient_id
ORDER BY record
