SELECT
    number AS person_id,
    coalesce(sex.concept, 0) AS gender_concept_id,
    birth_year AS year_of_birth,
    NULL AS month_of_birth,
    NULL AS day_of_birth,
    NULL AS birth_datetime,
    0 AS race_concept_id,
    0 AS ethnicity_concept_id,
    NULL AS location_id,
    NULL AS provider_id,
    site AS care_site_id,
    NULL AS person_source_value,
    patient.sex AS gender_source_value,
    0 AS gender_source_concept_id,
    NULL AS race_source_value,
    0 AS race_source_concept_id,
    NULL AS ethnicity_source_value,
    0 AS ethnicity_source_concept_id
FROM who
JOIN patient USING (person_id)
LEFT JOIN concept AS sex ON sex.kind = 'sex' AND sex.meaning = patient.sex
ORDER BY number
