-- Measures of one person on one day are one visit, at the place of the first. What cannot be converted keeps its unit.
WITH measure AS (
    SELECT
        'measurement.csv' AS file,
        o.line,
        o.person_id,
        o.measurement_date AS date,
        o.meaning AS name,
        CASE
            WHEN visit_unit.factor = 1 THEN o.value
            WHEN TRY_CAST(o.value AS DECIMAL(18, 6)) * visit_unit.factor IS NOT NULL
                THEN rtrim(rtrim(
                    CAST(CAST(o.value AS DECIMAL(18, 6)) * visit_unit.factor AS VARCHAR), '0'), '.')
            ELSE o.value || ' ' || coalesce(o.unit_source_value, '(no unit)')
        END AS value
    FROM known_measurement AS o
    LEFT JOIN visit_unit
        ON visit_unit.item = o.meaning AND visit_unit.unit = coalesce(o.concept_unit, o.unit_source_value, '')
    WHERE o.kind = 'visit'
    UNION ALL
    -- A visit without any measure.
    SELECT 'observation.csv', line, person_id, value, NULL, NULL
    FROM said
    WHERE table_name = 'visit' AND name = 'date'
)
SELECT
    arg_min(file, line) AS file,
    min(line) AS "at",
    person_id AS patient_id,
    date,
    one_of(name, value, 'phga') AS phga,
    one_of(name, value, 'ptga') AS ptga,
    one_of(name, value, 'exga') AS exga,
    one_of(name, value, 'mmt8') AS mmt8,
    one_of(name, value, 'mmt_maximum') AS mmt_maximum,
    one_of(name, value, 'haq') AS haq,
    one_of(name, value, 'cdasi_activity') AS cdasi_activity,
    one_of(name, value, 'weight') AS weight,
    one_of(name, value, 'height') AS height,
    one_of(name, value, 'prednisone') AS prednisone
FROM measure
GROUP BY person_id, date
ORDER BY file, "at"
