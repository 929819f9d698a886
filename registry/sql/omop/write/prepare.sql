-- The persons that are written, numbered in the order of their pseudonyms, and what becomes a row of OMOP with its id.
CREATE MACRO number_text(value) AS rtrim(rtrim(CAST(CAST(value AS DECIMAL(18, 6)) AS VARCHAR), '0'), '.');

CREATE TABLE who AS
SELECT
    row_number() OVER (ORDER BY person_id) AS number,
    person_id,
    dense_rank() OVER (ORDER BY centre) AS site,
    centre
FROM patient
-- Other tools do not know who withdrew: persons without consent to research use are not written.
WHERE consent = 'yes';

CREATE TABLE exposure AS
WITH listed AS (
    SELECT
        number,
        'course' AS kind,
        agent,
        start_date AS date,
        stop_date,
        greatest(start_date, coalesce(stop_date, last_seen_date, $cut)) AS end_date,
        stop_reason,
        dose,
        dose_unit,
        schedule,
        intent,
        stop_status,
        response,
        response_date,
        NULL AS weight,
        NULL AS reaction_grade
    FROM who
    JOIN course USING (person_id)
    LEFT JOIN follow_up USING (person_id)
    UNION ALL
    SELECT
        number, 'infusion', agent, date, date, date, NULL, dose, dose_unit, NULL, NULL, NULL, NULL, NULL,
        weight, reaction_grade
    FROM who
    JOIN infusion USING (person_id)
)

SELECT row_number() OVER (ORDER BY number, date, kind, agent) AS id, *
FROM listed;

CREATE TABLE measured AS
WITH item AS (
    UNPIVOT (
        SELECT
            number,
            date,
            CAST(phga AS DECIMAL(18, 6)) AS phga,
            CAST(ptga AS DECIMAL(18, 6)) AS ptga,
            CAST(exga AS DECIMAL(18, 6)) AS exga,
            CAST(mmt8 AS DECIMAL(18, 6)) AS mmt8,
            CAST(mmt_maximum AS DECIMAL(18, 6)) AS mmt_maximum,
            CAST(haq AS DECIMAL(18, 6)) AS haq,
            CAST(cdasi_activity AS DECIMAL(18, 6)) AS cdasi_activity,
            CAST(weight AS DECIMAL(18, 6)) AS weight,
            CAST(height AS DECIMAL(18, 6)) AS height,
            CAST(prednisone AS DECIMAL(18, 6)) AS prednisone
        FROM who
        JOIN visit USING (person_id)
    )
    ON COLUMNS(* EXCLUDE (number, date)) INTO NAME name VALUE value
),

listed AS (
    -- What the laboratory reported, with its unit and its limits: U/L of two laboratories are not comparable anyway.
    SELECT
        number, 'lab' AS kind, analyte AS name, date, value_raw AS value, value_raw_unit AS unit,
        lln_raw AS low, uln_raw AS high, NULL AS result, method
    FROM who
    JOIN lab USING (person_id)
    UNION ALL
    SELECT number, 'visit', name, date, value, visit_unit.unit, NULL, NULL, NULL, NULL
    FROM item
    JOIN visit_unit ON visit_unit.item = name
    UNION ALL
    SELECT number, 'antibody', antibody, date, NULL, NULL, NULL, NULL, result, method
    FROM who
    JOIN antibody USING (person_id)
)

SELECT row_number() OVER (ORDER BY number, date, kind, name, method NULLS FIRST) AS id, *
FROM listed;

CREATE TABLE condition AS
WITH listed AS (
    SELECT
        number, 'diagnosis' AS kind, diagnosis AS name, diagnosis_date AS date, NULL AS stop_date, NULL AS grade,
        NULL AS serious, NULL AS iv_anti_infective, NULL AS meddra_code, NULL AS related_agent, NULL AS outcome
    FROM who
    JOIN patient USING (person_id)
    UNION ALL
    SELECT number, 'cancer', 'yes', cancer_date, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM who
    JOIN patient USING (person_id)
    WHERE cancer_date IS NOT NULL
    UNION ALL
    SELECT
        number, 'event', term, start_date, stop_date, grade, serious, iv_anti_infective, meddra_code, related_agent,
        outcome
    FROM who
    JOIN event USING (person_id)
)

SELECT row_number() OVER (ORDER BY number, date, kind, name) AS id, *
FROM listed;
