-- Low IgG after time zero, graded by its lowest value in two schemes, with the baseline beside it.
-- needs: time_zero, lab, ivig_intent, course, infusion, rule
--
-- Immunomodulatory immunoglobulin raises IgG: a value drawn during such a course, or less than 28 days after its last
-- day or after an infusion, is not the person's own and is not graded. A sample of the first day counts as taken before
-- the dose, so that time zero can be its own baseline. A course of unknown stop date counts with its first day and its
-- infusions. No gradable value means no grade, not a normal one. Persistent: two low values at least 28 days apart.

WITH
covered AS (
    SELECT course.person_id, course.start_date, CASE course.stop_status
        WHEN 'stopped' THEN course.stop_date
        WHEN 'still taken' THEN DATE '9999-12-31'
        ELSE course.start_date
    END AS last_date
    FROM course
    INNER JOIN ivig_intent ON course.person_id = ivig_intent.person_id AND course.record = ivig_intent.record
    WHERE ivig_intent.intent = 'immunomodulatory'
    UNION ALL
    -- an infusion belongs to the course or run that started last
    SELECT infusion.person_id, infusion.date, infusion.date
    FROM infusion
    ASOF INNER JOIN ivig_intent
        ON infusion.person_id = ivig_intent.person_id AND infusion.date >= ivig_intent.start_date
    WHERE infusion.agent = 'ivig' AND ivig_intent.intent = 'immunomodulatory'
),

reached AS (
    SELECT
        person_id,
        start_date,
        max(max(last_date)) OVER (PARTITION BY person_id ORDER BY start_date) AS last_date
    FROM covered
    GROUP BY person_id, start_date
),

sample AS (
    SELECT
        lab.person_id,
        lab.date,
        lab.value,
        lab.record,
        lab.date > time_zero.time_zero_date AS after,
        lab.date BETWEEN time_zero.time_zero_date - rule.baseline_window_days AND time_zero.time_zero_date
            AS at_baseline,
        lab.value < rule.low_igg_g_l AS low,
        coalesce(lab.date - reached.last_date < rule.low_igg_washout_days, FALSE) AS raised
    FROM lab
    INNER JOIN time_zero ON lab.person_id = time_zero.person_id AND time_zero.status = 'assigned'
    CROSS JOIN rule
    ASOF LEFT JOIN reached ON lab.person_id = reached.person_id AND lab.date > reached.start_date
    WHERE lab.analyte = 'IgG'
),

summary AS (
    SELECT
        person_id,
        max({'date': date, 'value': value, 'record': record}) FILTER (WHERE at_baseline AND NOT raised) AS baseline,
        min({'value': value, 'date': date, 'record': record}) FILTER (WHERE after AND NOT raised) AS nadir,
        min({'date': date, 'record': record}) FILTER (WHERE after AND low AND NOT raised) AS first_low,
        max(date) FILTER (WHERE after AND low AND NOT raised) AS last_low_date,
        count(*) FILTER (WHERE after AND NOT raised) AS graded,
        count(*) FILTER (WHERE after AND raised) AS not_graded
    FROM sample
    GROUP BY person_id
)

SELECT
    time_zero.person_id,
    summary.baseline.value AS baseline_igg,
    summary.baseline.value < rule.low_igg_g_l AS baseline_low,
    summary.baseline.date AS baseline_date,
    summary.baseline.record AS baseline_record,
    summary.nadir.value AS nadir_igg,
    summary.nadir.date AS nadir_date,
    summary.nadir.record AS nadir_record,
    CASE
        WHEN summary.nadir.value < rule.low_igg_severe_a_g_l THEN 'severe'
        WHEN summary.nadir.value < rule.low_igg_moderate_g_l THEN 'moderate'
        WHEN summary.nadir.value < rule.low_igg_g_l THEN 'mild'
        WHEN summary.nadir IS NOT NULL THEN 'none'
    END AS grade_a,
    CASE
        WHEN summary.nadir.value < rule.low_igg_severe_b_g_l THEN 'severe'
        WHEN summary.nadir.value < rule.low_igg_g_l THEN 'low'
        WHEN summary.nadir IS NOT NULL THEN 'none'
    END AS grade_b,
    summary.first_low.date AS first_low_date,
    summary.first_low.record AS first_low_record,
    CASE WHEN summary.nadir IS NOT NULL THEN
        coalesce(summary.last_low_date - summary.first_low.date >= rule.low_igg_persistent_days, FALSE)
    END AS persistent,
    CAST(coalesce(summary.graded, 0) AS INTEGER) AS graded,
    CAST(coalesce(summary.not_graded, 0) AS INTEGER) AS not_graded
FROM time_zero
CROSS JOIN rule
LEFT JOIN summary ON time_zero.person_id = summary.person_id
WHERE time_zero.status = 'assigned'
ORDER BY time_zero.person_id
