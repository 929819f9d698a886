-- The unit is that of value_as_number, which unit_concept_id names; the centre's own spelling of the same unit is kept.
SELECT
    'measurement.csv' AS file,
    o.line AS "at",
    o.person_id AS patient_id,
    o.meaning AS analyte,
    o.measurement_date AS date,
    o.value,
    CASE
        WHEN o.concept_unit IS NULL THEN coalesce(o.unit_source_value, nullif(o.unit_concept_id, '0'))
        WHEN written.canonical_unit = meant.canonical_unit AND written.factor = meant.factor THEN o.unit_source_value
        ELSE o.concept_unit
    END AS unit,
    plain(o.range_low) AS lln,
    plain(o.range_high) AS uln,
    own.method
FROM known_measurement AS o
LEFT JOIN unit AS written ON written.unit = o.unit_source_value
LEFT JOIN unit AS meant ON meant.unit = o.concept_unit
LEFT JOIN (
    SELECT person_id, event_id, one_of(name, value, 'method') AS method
    FROM said
    WHERE table_name = 'lab'
    GROUP BY person_id, event_id
) AS own ON own.person_id = o.person_id AND own.event_id = o.measurement_id
WHERE o.kind IN ('lab', 'analyte')
ORDER BY "at"
