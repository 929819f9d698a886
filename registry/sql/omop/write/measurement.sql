SELECT
    id AS measurement_id,
    number AS person_id,
    coalesce(what.concept, 0) AS measurement_concept_id,
    date AS measurement_date,
    NULL AS measurement_datetime,
    NULL AS measurement_time,
    0 AS measurement_type_concept_id,
    0 AS operator_concept_id,
    number_text(value) AS value_as_number,
    coalesce(result_concept.concept, 0) AS value_as_concept_id,
    coalesce(unit_concept.concept, 0) AS unit_concept_id,
    number_text(low) AS range_low,
    number_text(high) AS range_high,
    NULL AS provider_id,
    NULL AS visit_occurrence_id,
    NULL AS visit_detail_id,
    'myoregistry:' || measured.kind || '.' || name AS measurement_source_value,
    0 AS measurement_source_concept_id,
    unit AS unit_source_value,
    0 AS unit_source_concept_id,
    result AS value_source_value,
    NULL AS measurement_event_id,
    0 AS meas_event_field_concept_id
FROM measured
LEFT JOIN concept AS what
    ON what.kind = if(measured.kind = 'lab', 'analyte', measured.kind) AND what.meaning = name
LEFT JOIN concept AS unit_concept ON unit_concept.kind = 'unit' AND unit_concept.meaning = unit
LEFT JOIN concept AS result_concept ON result_concept.kind = 'result' AND result_concept.meaning = result
ORDER BY id
