-- Every serious infection: fatal, serious by ICH E2A, treated with intravenous anti-infectives, or of grade 3 or more.
-- needs: event, terms, rule
--
-- One row an infection; of several reasons the first in this order stands. At any time, not only after time zero.

WITH
infection AS (
    SELECT
        event.person_id,
        event.term,
        event.start_date,
        event.grade,
        CASE
            WHEN event.outcome = 'fatal' OR event.grade = 5 THEN 'fatal'
            WHEN event.serious = 'yes' THEN 'serious'
            WHEN event.iv_anti_infective = 'yes' THEN 'iv anti-infective'
            WHEN event.grade >= rule.serious_infection_grade THEN 'grade'
        END AS reason,
        event.record
    FROM event
    INNER JOIN terms ON event.term = terms.term
    CROSS JOIN rule
    WHERE terms.category = 'infection'
)

SELECT person_id, term, start_date, grade, reason, record
FROM infection
WHERE reason IS NOT NULL
ORDER BY person_id, start_date, term, record
