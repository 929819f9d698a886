SELECT
    number AS person_id,
    death_date,
    NULL AS death_datetime,
    0 AS death_type_concept_id,
    0 AS cause_concept_id,
    'myoregistry:' || death_cause AS cause_source_value,
    0 AS cause_source_concept_id
FROM who
JOIN follow_up USING (person_id)
WHERE death_date IS NOT NULL
ORDER BY number
