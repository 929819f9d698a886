-- In the project's own rows the last day is verbatim_end_date: drug_exposure_end_date may not be empty in OMOP. Elsewhere
-- quantity is what was dispensed, not a dose, so that a course has a dose only where an observation says so.
SELECT
    'drug_exposure.csv' AS file,
    o.line AS "at",
    o.person_id AS patient_id,
    o.agent,
    own.intent,
    o.drug_exposure_start_date AS start_date,
    if(o.own, o.verbatim_end_date, coalesce(o.verbatim_end_date, o.drug_exposure_end_date)) AS stop_date,
    CASE
        WHEN own.stop_status IS NOT NULL THEN own.stop_status
        WHEN coalesce(o.verbatim_end_date, if(o.own, NULL, o.drug_exposure_end_date)) IS NULL THEN 'stop date unknown'
        ELSE 'stopped'
    END AS stop_status,
    o.stop_reason,
    own.response,
    own.response_date,
    if(o.own, plain(o.quantity), own.dose) AS dose,
    if(o.own, o.dose_unit_source_value, own.dose_unit) AS dose_unit,
    if(o.own, o.sig, own.schedule) AS schedule
FROM known_drug AS o
LEFT JOIN (
    SELECT
        person_id,
        event_id,
        one_of(name, value, 'intent') AS intent,
        one_of(name, value, 'stop_status') AS stop_status,
        one_of(name, value, 'response') AS response,
        one_of(name, value, 'response_date') AS response_date,
        one_of(name, value, 'dose') AS dose,
        one_of(name, value, 'dose_unit') AS dose_unit,
        one_of(name, value, 'schedule') AS schedule
    FROM said
    WHERE table_name = 'course'
    GROUP BY person_id, event_id
) AS own ON own.person_id = o.person_id AND own.event_id = o.drug_exposure_id
WHERE o.kind = 'course'
ORDER BY "at"
