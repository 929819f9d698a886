-- What OMOP has no place for, one row a field; observation_event_id is the id of the row that it belongs to.
WITH field AS (
    SELECT number, NULL AS event_id, enrolled_date AS date, 'patient.' || name AS name, value
    FROM (
        UNPIVOT (
            SELECT
                number,
                enrolled_date,
                CAST(onset_date AS VARCHAR) AS onset_date,
                CAST(p.enrolled_date AS VARCHAR) AS "enrolled_date ",
                ild,
                dysphagia,
                consent
            FROM who
            JOIN patient AS p USING (person_id)
        )
        ON COLUMNS(* EXCLUDE (number, enrolled_date)) INTO NAME name VALUE value
    )
    UNION ALL
    SELECT number, NULL, last_seen_date, 'follow_up.' || name, value
    FROM (
        UNPIVOT (
            SELECT number, last_seen_date, CAST(last_seen_date AS VARCHAR) AS "last_seen_date ", status
            FROM who
            JOIN follow_up USING (person_id)
        )
        ON COLUMNS(* EXCLUDE (number, last_seen_date)) INTO NAME name VALUE value
    )
    UNION ALL
    SELECT number, id, date, kind || '.' || name, value
    FROM (
        UNPIVOT (
            SELECT
                number, id, date, kind, intent, stop_status, response,
                CAST(response_date AS VARCHAR) AS response_date,
                number_text(weight) AS weight,
                CAST(reaction_grade AS VARCHAR) AS reaction_grade
            FROM exposure
        )
        ON COLUMNS(* EXCLUDE (number, id, date, kind)) INTO NAME name VALUE value
    )
    UNION ALL
    SELECT number, id, date, kind || '.method', method
    FROM measured
    WHERE method IS NOT NULL
    UNION ALL
    SELECT number, id, date, 'event.' || name, value
    FROM (
        UNPIVOT (
            SELECT
                number, id, date, serious, iv_anti_infective, related_agent, outcome,
                CAST(grade AS VARCHAR) AS grade,
                CAST(meddra_code AS VARCHAR) AS meddra_code
            FROM condition
            WHERE kind = 'event'
        )
        ON COLUMNS(* EXCLUDE (number, id, date)) INTO NAME name VALUE value
    )
    UNION ALL
    -- A visit without any measure would leave no trace.
    SELECT number, NULL, date, 'visit.date', CAST(date AS VARCHAR)
    FROM who
    JOIN visit USING (person_id)
    ANTI JOIN measured ON measured.number = who.number AND measured.date = visit.date AND measured.kind = 'visit'
)

SELECT
    row_number() OVER (ORDER BY number, date, rtrim(name), event_id NULLS FIRST) AS observation_id,
    number AS person_id,
    0 AS observation_concept_id,
    date AS observation_date,
    NULL AS observation_datetime,
    0 AS observation_type_concept_id,
    NULL AS value_as_number,
    value AS value_as_string,
    0 AS value_as_concept_id,
    0 AS qualifier_concept_id,
    0 AS unit_concept_id,
    NULL AS provider_id,
    NULL AS visit_occurrence_id,
    NULL AS visit_detail_id,
    'myoregistry:' || rtrim(name) AS observation_source_value,
    0 AS observation_source_concept_id,
    NULL AS unit_source_value,
    NULL AS qualifier_source_value,
    NULL AS value_source_value,
    event_id AS observation_event_id,
    0 AS obs_event_field_concept_id
FROM field
ORDER BY observation_id
