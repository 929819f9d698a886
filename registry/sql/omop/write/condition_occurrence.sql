SELECT
    id AS condition_occurrence_id,
    number AS person_id,
    coalesce(concept.concept, 0) AS condition_concept_id,
    date AS condition_start_date,
    NULL AS condition_start_datetime,
    stop_date AS condition_end_date,
    NULL AS condition_end_datetime,
    0 AS condition_type_concept_id,
    0 AS condition_status_concept_id,
    NULL AS stop_reason,
    NULL AS provider_id,
    NULL AS visit_occurrence_id,
    NULL AS visit_detail_id,
    name AS condition_source_value,
    0 AS condition_source_concept_id,
    'myoregistry:' || condition.kind AS condition_status_source_value
FROM condition
LEFT JOIN concept
    ON concept.kind = if(condition.kind = 'event', 'term', condition.kind) AND concept.meaning = condition.name
ORDER BY id
