SELECT
    'condition_occurrence.csv' AS file,
    o.line AS "at",
    o.person_id AS patient_id,
    o.meaning AS term,
    own.meddra_code,
    own.grade,
    own.serious,
    own.iv_anti_infective,
    o.condition_start_date AS start_date,
    o.condition_end_date AS stop_date,
    own.related_agent,
    own.outcome
FROM known_condition AS o
LEFT JOIN (
    SELECT
        person_id,
        event_id,
        one_of(name, value, 'meddra_code') AS meddra_code,
        one_of(name, value, 'grade') AS grade,
        one_of(name, value, 'serious') AS serious,
        one_of(name, value, 'iv_anti_infective') AS iv_anti_infective,
        one_of(name, value, 'related_agent') AS related_agent,
        one_of(name, value, 'outcome') AS outcome
    FROM said
    WHERE table_name = 'event'
    GROUP BY person_id, event_id
) AS own ON own.person_id = o.person_id AND own.event_id = o.condition_occurrence_id
WHERE o.kind IN ('event', 'term')
ORDER BY "at"
