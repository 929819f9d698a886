SELECT
    'person.csv' AS file,
    person.line AS "at",
    person.person_id AS patient_id,
    coalesce(sex.meaning, person.gender_concept_id) AS sex,
    plain(person.year_of_birth) AS birth_year,
    condition.diagnosis,
    own.onset_date,
    condition.diagnosis_date,
    own.enrolled_date,
    own.ild,
    own.dysphagia,
    condition.cancer_date,
    own.consent
FROM person
LEFT JOIN code AS sex ON sex.kind = 'sex' AND sex.code = person.gender_concept_id
LEFT JOIN (
    SELECT
        person_id,
        one_of(kind, meaning, 'diagnosis') AS diagnosis,
        min(condition_start_date) FILTER (WHERE kind = 'diagnosis') AS diagnosis_date,
        min(condition_start_date) FILTER (WHERE kind = 'cancer' AND meaning <> 'no') AS cancer_date
    FROM known_condition
    GROUP BY person_id
) AS condition USING (person_id)
LEFT JOIN (
    SELECT
        person_id,
        one_of(name, value, 'onset_date') AS onset_date,
        one_of(name, value, 'enrolled_date') AS enrolled_date,
        one_of(name, value, 'ild') AS ild,
        one_of(name, value, 'dysphagia') AS dysphagia,
        one_of(name, value, 'consent') AS consent
    FROM said
    WHERE table_name = 'patient'
    GROUP BY person_id
) AS own USING (person_id)
ORDER BY "at"
