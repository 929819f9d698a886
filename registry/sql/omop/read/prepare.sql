-- Rows of OMOP tables with what they are to the registry. All columns are text. Names that begin with myoregistry: are
-- the project's own: in observation they carry what OMOP has no place for, <table>.<column>, tied to a row by
-- observation_event_id.
CREATE MACRO plain(number) AS
    CASE WHEN regexp_full_match(number, '[+-]?[0-9]+\.0+') THEN split_part(number, '.', 1) ELSE number END;

-- The one value of a column; two that differ are both named, which no column accepts.
CREATE MACRO one_of(name, value, wanted) AS
    string_agg(DISTINCT value, ' | ' ORDER BY value) FILTER (WHERE name = wanted);

CREATE TABLE said AS
SELECT
    line,
    person_id,
    observation_event_id AS event_id,
    split_part(substr(observation_source_value, 13), '.', 1) AS table_name,
    substr(observation_source_value, 14 + length(split_part(substr(observation_source_value, 13), '.', 1))) AS name,
    coalesce(value_as_string, plain(value_as_number), value_source_value) AS value
FROM observation
WHERE starts_with(observation_source_value, 'myoregistry:');

CREATE TABLE known_condition AS
SELECT
    o.*,
    CASE
        WHEN starts_with(o.condition_status_source_value, 'myoregistry:')
            THEN substr(o.condition_status_source_value, 13)
        ELSE coalesce(standard.kind, source.kind)
    END AS kind,
    CASE
        WHEN starts_with(o.condition_status_source_value, 'myoregistry:') THEN o.condition_source_value
        ELSE coalesce(standard.meaning, source.meaning)
    END AS meaning
FROM condition_occurrence AS o
LEFT JOIN condition_code AS standard ON standard.code = o.condition_concept_id
LEFT JOIN condition_code AS source ON source.code = o.condition_source_concept_id;

CREATE TABLE known_drug AS
WITH named AS (
    SELECT
        o.*,
        starts_with(o.drug_source_value, 'myoregistry:') AS own,
        CASE
            WHEN starts_with(o.drug_source_value, 'myoregistry:') THEN split_part(o.drug_source_value, '.', 2)
            ELSE coalesce(standard.meaning, source.meaning)
        END AS agent
    FROM drug_exposure AS o
    LEFT JOIN code AS standard ON standard.kind = 'agent' AND standard.code = o.drug_concept_id
    LEFT JOIN code AS source ON source.kind = 'agent' AND source.code = o.drug_source_concept_id
)
SELECT
    *,
    -- Infusions of immunoglobulin and rituximab are rows of one day; what goes on longer is a course.
    CASE
        WHEN own THEN split_part(substr(drug_source_value, 13), '.', 1)
        WHEN agent IN ('ivig', 'rituximab')
            AND coalesce(drug_exposure_end_date, drug_exposure_start_date) = drug_exposure_start_date THEN 'infusion'
        WHEN agent IS NOT NULL THEN 'course'
    END AS kind
FROM named;

CREATE TABLE known_measurement AS
SELECT
    o.*,
    CASE
        WHEN starts_with(o.measurement_source_value, 'myoregistry:')
            THEN split_part(substr(o.measurement_source_value, 13), '.', 1)
        ELSE coalesce(standard.kind, source.kind)
    END AS kind,
    CASE
        WHEN starts_with(o.measurement_source_value, 'myoregistry:')
            THEN substr(
                o.measurement_source_value,
                14 + length(split_part(substr(o.measurement_source_value, 13), '.', 1))
            )
        ELSE coalesce(standard.meaning, source.meaning)
    END AS meaning,
    -- A value with an operator such as < is a limit of detection and no value: it keeps the operator and is refused.
    CASE
        WHEN coalesce(o.operator_concept_id, '0') IN ('0', '4172703') THEN plain(o.value_as_number)
        ELSE 'operator ' || o.operator_concept_id || ': ' || o.value_as_number
    END AS value,
    unit_code.meaning AS concept_unit
FROM measurement AS o
LEFT JOIN measurement_code AS standard ON standard.code = o.measurement_concept_id
LEFT JOIN measurement_code AS source ON source.code = o.measurement_source_concept_id
LEFT JOIN code AS unit_code ON unit_code.kind = 'unit' AND unit_code.code = o.unit_concept_id;

-- The rows that an observation may belong to.
CREATE TABLE row_id AS
SELECT person_id, drug_exposure_id AS event_id, kind AS table_name FROM known_drug
UNION ALL
SELECT person_id, measurement_id, if(kind = 'analyte', 'lab', kind) FROM known_measurement
UNION ALL
SELECT person_id, condition_occurrence_id, if(kind = 'term', 'event', kind) FROM known_condition;
