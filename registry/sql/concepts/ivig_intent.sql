-- What immunoglobulin was given for: the intent that the centre declared, else derived from dose, IgG and infections.
-- needs: course, infusion, visit, lab, event, terms, rule
--
-- A declared intent stands whatever the dose: 0.2 g/kg every two weeks after remission is still immunomodulation.
-- Undeclared: from 1 g/kg per 4 weeks immunomodulatory; up to 0.6 g/kg per 4 weeks, with low IgG or an infection before
-- the first dose, replacement; anything else is a question to the centre. The dose is the larger of what the course
-- states and what the infusions of its first 28 days add up to, because either record may be incomplete.
-- One row a course, and one a run of infusions outside courses. Infusions that follow a course of unknown stop date
-- without a long pause are its infusions.

WITH
weighed AS (
    SELECT person_id, date, weight
    FROM visit
    WHERE weight IS NOT NULL
),

infused AS (
    -- DuckDB divides in binary floating point: rounded to twelve decimals before anything is added, so that three times
    -- 25 g at 75 kg is 1 g/kg in the end and not a little less.
    SELECT
        infusion.person_id,
        infusion.date,
        CASE infusion.dose_unit
            WHEN 'g/kg' THEN CAST(infusion.dose AS DECIMAL(24, 12))
            WHEN 'mg/kg' THEN CAST(infusion.dose / 1000 AS DECIMAL(24, 12))
            WHEN 'g' THEN CAST(infusion.dose / coalesce(infusion.weight, weighed.weight) AS DECIMAL(24, 12))
            WHEN 'mg' THEN CAST(infusion.dose / 1000 / coalesce(infusion.weight, weighed.weight) AS DECIMAL(24, 12))
        END AS g_per_kg,
        infusion.record
    FROM infusion
    ASOF LEFT JOIN weighed ON infusion.person_id = weighed.person_id AND infusion.date >= weighed.date
    WHERE infusion.agent = 'ivig'
),

declared AS (
    SELECT
        course.person_id,
        course.start_date,
        course.stop_date,
        course.stop_status,
        course.intent,
        CASE course.dose_unit
            WHEN 'g/kg' THEN CAST(course.dose AS DECIMAL(24, 12))
            WHEN 'mg/kg' THEN CAST(course.dose / 1000 AS DECIMAL(24, 12))
            WHEN 'g' THEN CAST(course.dose / weighed.weight AS DECIMAL(24, 12))
            WHEN 'mg' THEN CAST(course.dose / 1000 / weighed.weight AS DECIMAL(24, 12))
        END
        -- a month counts as four weeks; other schedules, and days without an end, have no known number of doses
        * CASE course.schedule
            WHEN 'daily' THEN if(course.stop_date IS NULL, NULL, least(course.stop_date - course.start_date + 1, 28))
            WHEN 'weekly' THEN 4
            WHEN 'every 2 weeks' THEN 2
            WHEN 'every 4 weeks' THEN 1
            WHEN 'monthly' THEN 1
            WHEN 'once' THEN 1
        END AS g_per_kg_4wk,
        course.record,
        -- the last day that this course or an earlier one reaches: courses may overlap
        max(CASE course.stop_status
            WHEN 'stopped' THEN course.stop_date
            WHEN 'still taken' THEN DATE '9999-12-31'
            ELSE course.start_date
        END) OVER (PARTITION BY course.person_id ORDER BY course.start_date) AS reached_date
    FROM course
    ASOF LEFT JOIN weighed ON course.person_id = weighed.person_id AND course.start_date >= weighed.date
    WHERE course.agent = 'ivig'
),

outside AS (
    SELECT
        infused.person_id,
        infused.date,
        infused.record,
        infused.date - lag(infused.date) OVER (PARTITION BY infused.person_id ORDER BY infused.date) AS pause
    FROM infused
    ASOF LEFT JOIN declared ON infused.person_id = declared.person_id AND infused.date >= declared.start_date
    WHERE declared.person_id IS NULL OR infused.date > declared.reached_date
),

numbered AS (
    SELECT
        outside.*,
        count(*) FILTER (WHERE outside.pause > rule.line_gap_days_ivig) OVER (
            PARTITION BY outside.person_id ORDER BY outside.date
        ) AS run
    FROM outside
    CROSS JOIN rule
),

run AS (
    SELECT
        person_id,
        min(date) AS start_date,
        max(date) AS stop_date,
        min({'date': date, 'record': record}).record AS record
    FROM numbered
    GROUP BY person_id, run
),

undeclared_run AS (
    SELECT run.*
    FROM run
    CROSS JOIN rule
    ASOF LEFT JOIN declared ON run.person_id = declared.person_id AND run.start_date >= declared.start_date
    WHERE NOT coalesce(
        declared.stop_status = 'stop date unknown'
        AND run.start_date - declared.start_date <= rule.line_gap_days_ivig,
        FALSE
    )
),

treatment AS (
    SELECT person_id, start_date, stop_date, intent, g_per_kg_4wk, record
    FROM declared
    UNION ALL
    SELECT person_id, start_date, stop_date, NULL, NULL, record
    FROM undeclared_run
),

first_weeks AS (
    -- one infusion whose dose cannot be told makes the sum unknown, not smaller
    SELECT
        treatment.person_id,
        treatment.record,
        if(count(*) = count(infused.g_per_kg), sum(infused.g_per_kg), NULL) AS g_per_kg
    FROM treatment
    CROSS JOIN rule
    INNER JOIN infused
        ON treatment.person_id = infused.person_id
        AND infused.date >= treatment.start_date
        AND infused.date < treatment.start_date + rule.exposure_course_days
    GROUP BY treatment.person_id, treatment.record
),

ground AS (
    SELECT lab.person_id, lab.date
    FROM lab
    CROSS JOIN rule
    WHERE lab.analyte = 'IgG' AND lab.value < rule.low_igg_g_l
    UNION
    SELECT event.person_id, event.start_date
    FROM event
    INNER JOIN terms ON event.term = terms.term
    WHERE terms.category = 'infection'
),

dosed AS (
    SELECT
        treatment.* EXCLUDE (g_per_kg_4wk),
        CAST(greatest(treatment.g_per_kg_4wk, first_weeks.g_per_kg) AS DECIMAL(18, 6)) AS g_per_kg_4wk,
        treatment.start_date - ground.date AS days_after_ground
    FROM treatment
    LEFT JOIN first_weeks ON treatment.person_id = first_weeks.person_id AND treatment.record = first_weeks.record
    ASOF LEFT JOIN ground ON treatment.person_id = ground.person_id AND treatment.start_date >= ground.date
)

SELECT
    dosed.person_id,
    dosed.start_date,
    dosed.stop_date,
    dosed.g_per_kg_4wk,
    CASE
        WHEN dosed.intent IS NOT NULL THEN dosed.intent
        WHEN dosed.g_per_kg_4wk >= rule.ivig_immunomodulatory_g_kg_4wk THEN 'immunomodulatory'
        WHEN
            dosed.g_per_kg_4wk <= rule.ivig_replacement_g_kg_4wk
            AND dosed.days_after_ground <= rule.ivig_replacement_lookback_days
            THEN 'replacement'
        ELSE 'query'
    END AS intent,
    if(dosed.intent IS NOT NULL, 'declared', 'derived') AS origin,
    dosed.record
FROM dosed
CROSS JOIN rule
ORDER BY dosed.person_id, dosed.start_date, dosed.record
