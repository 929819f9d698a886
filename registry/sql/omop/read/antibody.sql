SELECT
    'measurement.csv' AS file,
    o.line AS "at",
    o.person_id AS patient_id,
    o.meaning AS antibody,
    coalesce(result.meaning, o.value_source_value) AS result,
    own.method,
    o.measurement_date AS date
FROM known_measurement AS o
LEFT JOIN code AS result ON result.kind = 'result' AND result.code = o.value_as_concept_id
LEFT JOIN (
    SELECT person_id, event_id, one_of(name, value, 'method') AS method
    FROM said
    WHERE table_name = 'antibody'
    GROUP BY person_id, event_id
) AS own ON own.person_id = o.person_id AND own.event_id = o.measurement_id
WHERE o.kind = 'antibody'
ORDER BY "at"
