-- The first start of the other of the two agents after time zero; replacement immunoglobulin is none.
-- needs: time_zero, treatment_line, ivig_intent, course
--
-- The reason is that of the last course of the first agent begun until then, if it had stopped by then; a course that
-- was still running gives none. Courses are asked and not lines, because a line also knows what came after the switch.

WITH
switched AS (
    SELECT
        time_zero.person_id,
        time_zero.arm AS from_agent,
        treatment_line.agent AS to_agent,
        treatment_line.start_date AS switch_date,
        treatment_line.record
    FROM time_zero
    INNER JOIN treatment_line
        ON time_zero.person_id = treatment_line.person_id
        AND treatment_line.start_date > time_zero.time_zero_date
        AND treatment_line.agent <> time_zero.arm
    WHERE
        treatment_line.agent = 'rituximab'
        OR (treatment_line.agent = 'ivig' AND treatment_line.intent = 'immunomodulatory')
    QUALIFY row_number() OVER (PARTITION BY time_zero.person_id ORDER BY treatment_line.start_date) = 1
),

before_switch AS (
    SELECT
        course.person_id,
        -- structs compare field by field: of all courses begun, the one that lasts longest
        max({
            'last_date': CASE course.stop_status
                WHEN 'stopped' THEN course.stop_date
                WHEN 'still taken' THEN DATE '9999-12-31'
                ELSE course.start_date
            END,
            'start_date': course.start_date,
            'stop_date': course.stop_date,
            'stop_reason': course.stop_reason
        }) AS last_course
    FROM course
    INNER JOIN switched
        ON course.person_id = switched.person_id
        AND course.agent = switched.from_agent
        AND course.start_date <= switched.switch_date
    LEFT JOIN ivig_intent ON course.person_id = ivig_intent.person_id AND course.record = ivig_intent.record
    WHERE course.agent = 'rituximab' OR ivig_intent.intent = 'immunomodulatory'
    GROUP BY course.person_id
)

SELECT
    switched.person_id,
    switched.switch_date,
    switched.from_agent,
    switched.to_agent,
    if(
        before_switch.last_course.stop_date <= switched.switch_date, before_switch.last_course.stop_reason, NULL
    ) AS reason,
    switched.record
FROM switched
LEFT JOIN before_switch ON switched.person_id = before_switch.person_id
ORDER BY switched.person_id
