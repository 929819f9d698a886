-- What is nothing to the registry, counted: rows of unknown concepts, and names of the project's own that do not exist.
SELECT 'omop.concept' AS rule, 'condition_occurrence.csv' AS file, condition_concept_id AS value, count(*) AS n
FROM known_condition
WHERE kind IS NULL OR kind NOT IN ('diagnosis', 'cancer', 'event', 'term')
GROUP BY ALL
UNION ALL
SELECT 'omop.concept', 'drug_exposure.csv', drug_concept_id, count(*)
FROM known_drug
WHERE kind IS NULL OR kind NOT IN ('course', 'infusion')
GROUP BY ALL
UNION ALL
SELECT 'omop.concept', 'measurement.csv', measurement_concept_id, count(*)
FROM known_measurement
WHERE kind IS NULL OR kind NOT IN ('lab', 'analyte', 'visit', 'antibody')
    OR (kind = 'visit' AND meaning NOT IN (SELECT item FROM visit_unit))
GROUP BY ALL
UNION ALL
SELECT 'omop.field', 'observation.csv', table_name || '.' || name, count(*)
FROM said
ANTI JOIN field USING (table_name, name)
GROUP BY ALL
UNION ALL
SELECT 'omop.loose', 'observation.csv', table_name || '.' || name, count(*)
FROM said
SEMI JOIN field USING (table_name, name)
ANTI JOIN row_id USING (person_id, event_id, table_name)
WHERE table_name NOT IN ('patient', 'follow_up', 'visit')
GROUP BY ALL
ORDER BY ALL
