-- A course that is still taken ends, for tools that must have a day, with the last word on the person; the last day
-- that is known is verbatim_end_date, and nothing else.
SELECT
    id AS drug_exposure_id,
    number AS person_id,
    coalesce(concept.concept, 0) AS drug_concept_id,
    date AS drug_exposure_start_date,
    NULL AS drug_exposure_start_datetime,
    end_date AS drug_exposure_end_date,
    NULL AS drug_exposure_end_datetime,
    stop_date AS verbatim_end_date,
    0 AS drug_type_concept_id,
    stop_reason,
    NULL AS refills,
    number_text(dose) AS quantity,
    if(exposure.kind = 'infusion', 1, NULL) AS days_supply,
    schedule AS sig,
    0 AS route_concept_id,
    NULL AS lot_number,
    NULL AS provider_id,
    NULL AS visit_occurrence_id,
    NULL AS visit_detail_id,
    'myoregistry:' || exposure.kind || '.' || agent AS drug_source_value,
    0 AS drug_source_concept_id,
    NULL AS route_source_value,
    dose_unit AS dose_unit_source_value
FROM exposure
LEFT JOIN concept ON concept.kind = 'agent' AND concept.meaning = agent
ORDER BY id
