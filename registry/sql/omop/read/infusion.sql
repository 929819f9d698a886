SELECT
    'drug_exposure.csv' AS file,
    o.line AS "at",
    o.person_id AS patient_id,
    o.agent,
    o.drug_exposure_start_date AS date,
    plain(o.quantity) AS dose,
    o.dose_unit_source_value AS dose_unit,
    own.weight,
    own.reaction_grade
FROM known_drug AS o
LEFT JOIN (
    SELECT
        person_id,
        event_id,
        one_of(name, value, 'weight') AS weight,
        one_of(name, value, 'reaction_grade') AS reaction_grade
    FROM said
    WHERE table_name = 'infusion'
    GROUP BY person_id, event_id
) AS own ON own.person_id = o.person_id AND own.event_id = o.drug_exposure_id
WHERE o.kind = 'infusion'
ORDER BY "at"
