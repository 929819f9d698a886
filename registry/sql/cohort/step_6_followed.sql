-- Followed after time zero, and after enrolment
SELECT person_id, 'no follow-up after time zero and enrolment' AS reason
FROM time_zero JOIN patient USING (person_id) LEFT JOIN end_of_follow_up USING (person_id)
WHERE NOT coalesce(end_date > greatest(time_zero_date, enrolled_date), false)
ORDER BY person_id
