-- id: infusion.ivig_outside_courses
-- severity: query
-- kind: plausibility
-- columns: agent, date
-- message: {outside} of the {infusions} immunoglobulin infusions of this person lie inside no course of ivig; this
--   is the first.
-- meaning: Infusions of immunoglobulin lie outside of every course of ivig, in a person who has one.
-- advice: Add the course, or correct its dates; without it the intent of these infusions is derived from the dose.
-- source: the contract: infusions belong to courses
SELECT
    coalesce(min(line) FILTER (NOT inside), min(line)) AS line, NOT bool_and(inside) AS wrong,
    count(*) FILTER (NOT inside) AS outside, count(*) AS infusions
FROM (
    SELECT
        row.line, any_value(row.patient_id) AS patient_id,
        bool_or(row.date >= course.start_date AND (course.stop_date IS NULL OR row.date <= course.stop_date)) AS inside
    FROM infusion AS row
    JOIN accepted_course AS course ON course.patient_id = row.patient_id AND course.agent = 'ivig'
    WHERE row.agent = 'ivig' AND row.date IS NOT NULL
    GROUP BY row.line
)
GROUP BY patient_id
