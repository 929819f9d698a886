-- One row a person of the cohort: arm, baseline covariates, and the day of each outcome within follow-up.
WITH core AS (
    SELECT
        person_id,
        max(value) FILTER (measure = 'phga') AS phga,
        max(value) FILTER (measure = 'ptga') AS ptga,
        -- both scales on 0 to 150, so that one covariate serves all centres
        max(value * 150 / scale) FILTER (measure = 'mmt8') AS mmt8,
        max(value) FILTER (measure = 'haq') AS haq,
        max(value) FILTER (measure = 'exga') AS exga
    FROM baseline_core_set
    GROUP BY person_id
),
multiple AS (
    SELECT
        z.person_id,
        arg_max(l.multiple, l.date) FILTER (l.analyte = 'LDH') AS ldh_multiple,
        arg_max(l.log2_multiple, l.date) FILTER (l.analyte = 'LDH') AS log2_ldh,
        arg_max(l.multiple, l.date) FILTER (l.analyte = 'CK') AS ck_multiple,
        arg_max(l.log2_multiple, l.date) FILTER (l.analyte = 'CK') AS log2_ck,
        arg_max(l.multiple, l.date) FILTER (l.analyte = 'aldolase') AS aldolase_multiple,
        arg_max(l.log2_multiple, l.date) FILTER (l.analyte = 'aldolase') AS log2_aldolase
    FROM time_zero z JOIN lab_multiple l USING (person_id) CROSS JOIN rule
    WHERE l.date BETWEEN z.time_zero_date - baseline_window_days AND z.time_zero_date AND l.multiple IS NOT NULL
    GROUP BY z.person_id
),
skin AS (
    SELECT z.person_id, arg_max(v.cdasi_activity, v.date) AS cdasi_activity
    FROM time_zero z JOIN visit v USING (person_id) CROSS JOIN rule
    WHERE v.date BETWEEN z.time_zero_date - baseline_window_days AND z.time_zero_date AND v.cdasi_activity IS NOT NULL
    GROUP BY z.person_id
),
dose AS (
    SELECT z.person_id, arg_max(p.oral_mg_day, p.date) AS prednisone
    FROM time_zero z JOIN prednisone_equivalent p USING (person_id) CROSS JOIN rule
    WHERE p.date BETWEEN z.time_zero_date - baseline_window_days AND z.time_zero_date
    GROUP BY z.person_id
),
prior AS (
    SELECT z.person_id, count(DISTINCT t.agent) AS prior_immunosuppressants
    FROM time_zero z JOIN treatment_line t USING (person_id)
    WHERE t.class = 'immunosuppressant' AND t.start_date < z.time_zero_date
    GROUP BY z.person_id
),
infected AS (
    SELECT DISTINCT z.person_id
    FROM time_zero z JOIN event e USING (person_id) JOIN terms m ON m.term = e.term
    WHERE m.category = 'infection' AND e.start_date < z.time_zero_date
),
given AS (
    SELECT z.person_id, count(*) AS infusions
    FROM time_zero z JOIN infusion i USING (person_id) JOIN end_of_follow_up e USING (person_id)
    WHERE i.date BETWEEN z.time_zero_date AND e.end_date
    GROUP BY z.person_id
),
clinical AS (SELECT person_id, relapse_date FROM relapse WHERE kind = 'clinical'),
biochemical AS (SELECT person_id, relapse_date AS biochemical_relapse_date FROM relapse WHERE kind = 'biochemical')
SELECT
    z.person_id,
    p.centre,
    z.arm,
    p.enrolled_date <= z.time_zero_date + r.incident_window_days AS incident,
    z.time_zero_date,
    -- incident users count from time zero; the others are at risk only once they are in the registry
    CASE WHEN p.enrolled_date <= z.time_zero_date + r.incident_window_days THEN 0
        ELSE p.enrolled_date - z.time_zero_date END AS entry_day,
    e.end_date - z.time_zero_date AS end_day,
    e.reason AS end_reason,
    year(z.time_zero_date) - p.birth_year AS age,
    (year(z.time_zero_date) - p.birth_year) / 10.0 AS age_decades,
    CASE p.sex WHEN 'female' THEN 1 WHEN 'male' THEN 0 END AS female,
    p.diagnosis,
    CASE p.ild WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END AS ild,
    CASE p.dysphagia WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END AS dysphagia,
    CASE WHEN p.diagnosis = 'ASyS' THEN 1 ELSE 0 END AS asys,
    (z.time_zero_date - p.diagnosis_date) / 365.25 AS disease_years,
    coalesce(prior.prior_immunosuppressants, 0) AS prior_immunosuppressants,
    CASE WHEN coalesce(prior.prior_immunosuppressants, 0) >= 2 THEN 1 ELSE 0 END AS prior_immunosuppressants_2,
    core.phga, core.ptga, core.mmt8, core.haq, core.exga,
    skin.cdasi_activity,
    dose.prednisone,
    g.baseline_igg AS igg,
    multiple.ldh_multiple, multiple.ck_multiple, multiple.aldolase_multiple,
    multiple.log2_ldh, multiple.log2_ck, multiple.log2_aldolase,
    CASE WHEN infected.person_id IS NULL THEN 0 ELSE 1 END AS infection_before,
    s.scorable,
    CASE WHEN s.response_20_date <= e.end_date THEN s.response_20_date - z.time_zero_date END AS response_20_day,
    CASE WHEN s.response_40_date <= e.end_date THEN s.response_40_date - z.time_zero_date END AS response_40_day,
    CASE WHEN s.response_60_date <= e.end_date THEN s.response_60_date - z.time_zero_date END AS response_60_day,
    CASE WHEN f.failure_date <= e.end_date THEN f.failure_date - z.time_zero_date END AS failure_day,
    CASE WHEN f.failure_date <= e.end_date THEN f.component END AS failure_component,
    CASE WHEN w.deterioration_date <= e.end_date THEN w.deterioration_date - z.time_zero_date END AS deterioration_day,
    CASE WHEN clinical.relapse_date <= e.end_date THEN clinical.relapse_date - z.time_zero_date END AS relapse_day,
    CASE WHEN biochemical.biochemical_relapse_date <= e.end_date
        THEN biochemical.biochemical_relapse_date - z.time_zero_date END AS biochemical_relapse_day,
    CASE WHEN switch.switch_date <= e.end_date THEN switch.switch_date - z.time_zero_date END AS switch_day,
    CASE WHEN switch.switch_date <= e.end_date THEN switch.reason END AS switch_reason,
    CASE WHEN d.death_date <= e.end_date THEN d.death_date - z.time_zero_date END AS death_day,
    CASE WHEN d.death_date <= e.end_date THEN d.cause END AS death_cause,
    g.nadir_igg AS igg_nadir,
    g.grade_a AS igg_grade_a,
    g.grade_b AS igg_grade_b,
    coalesce(g.graded, 0) AS igg_graded,
    g.baseline_low AS igg_baseline_low,
    g.persistent AS igg_persistent,
    coalesce(given.infusions, 0) AS infusions,
    (e.end_date - z.time_zero_date) / 365.25 AS follow_up_years
FROM remaining
JOIN time_zero z USING (person_id)
JOIN patient p USING (person_id)
JOIN end_of_follow_up e USING (person_id)
CROSS JOIN rule r
LEFT JOIN core USING (person_id)
LEFT JOIN multiple USING (person_id)
LEFT JOIN skin USING (person_id)
LEFT JOIN dose USING (person_id)
LEFT JOIN prior USING (person_id)
LEFT JOIN infected USING (person_id)
LEFT JOIN given USING (person_id)
LEFT JOIN response s USING (person_id)
LEFT JOIN failure f USING (person_id)
LEFT JOIN deterioration w USING (person_id)
LEFT JOIN clinical USING (person_id)
LEFT JOIN biochemical USING (person_id)
LEFT JOIN switch USING (person_id)
LEFT JOIN death d USING (person_id)
LEFT JOIN low_igg g USING (person_id)
ORDER BY person_id
