-- From enrolment to the last word: before enrolment a person was not under observation, whatever is known of that time.
SELECT
    number AS observation_period_id,
    number AS person_id,
    enrolled_date AS observation_period_start_date,
    greatest(enrolled_date, last_seen_date) AS observation_period_end_date,
    0 AS period_type_concept_id
FROM who
JOIN patient USING (person_id)
LEFT JOIN follow_up USING (person_id)
ORDER BY number
