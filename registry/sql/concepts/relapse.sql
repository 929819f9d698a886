-- Relapse: clinical, after a held response; and, weaker and kept apart, biochemical, when LDH rises again after a
-- normal value.
-- needs: time_zero, visit, tis, prednisone_equivalent, lab_multiple, rule
--
-- A response is held when the total improvement score is at least moderate (tis_low) at two consecutive visits; a
-- visit without any component is no visit here. Clinical relapse compares a later visit with the best visit so far
-- since then, the one with the lowest physician global activity, the earlier on a tie: the criteria of deterioration
-- at one visit, or physician global activity up by 2 cm with the oral glucocorticoid dose up by 10 mg or doubled.
-- Biochemical relapse needs no response: LDH at or below its ULN after time zero, later above.

WITH
judged AS (
    SELECT
        tis.person_id,
        tis.date,
        tis.tis_low >= rule.tis_moderate AS responds,
        lag(tis.tis_low >= rule.tis_moderate) OVER (PARTITION BY tis.person_id ORDER BY tis.date) AS responded
    FROM tis
    CROSS JOIN rule
    WHERE tis.tis_high - tis.tis_low < 100
),

held AS (
    SELECT person_id, min(date) AS response_held_date
    FROM judged
    WHERE responds AND responded
    GROUP BY person_id
),

stated_dose AS (
    SELECT person_id, date, oral_mg_day
    FROM prednisone_equivalent
    WHERE oral_mg_day IS NOT NULL
),

state AS (
    -- The dose in force is the last one stated.
    SELECT visit.*, held.response_held_date, stated_dose.oral_mg_day
    FROM visit
    INNER JOIN held ON visit.person_id = held.person_id AND visit.date >= held.response_held_date
    ASOF LEFT JOIN stated_dose ON visit.person_id = stated_dose.person_id AND visit.date >= stated_dose.date
),

against_best AS (
    -- Structs compare field by field: lowest activity first, then the earlier date, which no two visits share.
    SELECT
        state.*,
        min({
            'phga': phga, 'date': date, 'ptga': ptga, 'mmt8': mmt8, 'mmt_maximum': mmt_maximum, 'haq': haq,
            'exga': exga, 'oral_mg_day': oral_mg_day
        }) FILTER (WHERE phga IS NOT NULL) OVER (
            PARTITION BY person_id ORDER BY date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS best
    FROM state
),

flare AS (
    SELECT
        against_best.person_id,
        response_held_date,
        date,
        record,
        coalesce(
            phga - best.phga >= rule.worse_vas_cm
            AND mmt_maximum = best.mmt_maximum AND best.mmt8 > 0
            AND 100 * (best.mmt8 - mmt8) >= rule.worse_mmt_percent * best.mmt8,
            FALSE
        ) AS strength,
        coalesce(exga - best.exga >= rule.worse_vas_cm, FALSE) AS extramuscular,
        len(list_filter(
            [
                best.phga > 0 AND 100 * (phga - best.phga) >= rule.worse_core_set_percent * best.phga,
                best.ptga > 0 AND 100 * (ptga - best.ptga) >= rule.worse_core_set_percent * best.ptga,
                best.haq > 0 AND 100 * (haq - best.haq) >= rule.worse_core_set_percent * best.haq,
                best.exga > 0 AND 100 * (exga - best.exga) >= rule.worse_core_set_percent * best.exga,
                mmt_maximum = best.mmt_maximum AND best.mmt8 > 0
                AND 100 * (best.mmt8 - mmt8) >= rule.worse_core_set_percent * best.mmt8
            ],
            lambda worse: worse
        )) >= rule.worse_core_set_measures AS core_set,
        coalesce(
            phga - best.phga >= rule.worse_vas_cm
            AND (
                oral_mg_day - best.oral_mg_day >= rule.relapse_prednisone_increase_mg
                OR (best.oral_mg_day > 0 AND oral_mg_day >= rule.relapse_prednisone_factor * best.oral_mg_day)
            ),
            FALSE
        ) AS escalation
    FROM against_best
    CROSS JOIN rule
),

ldh AS (
    SELECT
        lab.person_id,
        lab.date,
        lab.record,
        lab.value > rule.biochemical_relapse_multiple * lab.uln AS high,
        min(lab.date) FILTER (WHERE lab.value <= lab.uln) OVER (PARTITION BY lab.person_id) AS normal_date
    FROM lab_multiple AS lab
    INNER JOIN time_zero USING (person_id)
    CROSS JOIN rule
    WHERE lab.analyte = 'LDH' AND lab.date > time_zero.time_zero_date AND lab.uln IS NOT NULL
),

relapsed AS (
    SELECT person_id, response_held_date, date, 'clinical' AS kind, record
    FROM flare
    WHERE strength OR extramuscular OR core_set OR escalation
    UNION ALL
    SELECT person_id, NULL, date, 'biochemical', record
    FROM ldh
    WHERE high AND date > normal_date
)

SELECT person_id, response_held_date, date AS relapse_date, kind, record
FROM relapsed
QUALIFY row_number() OVER (PARTITION BY person_id, kind ORDER BY date) = 1
ORDER BY person_id, kind
