-- Incident user: enrolled before time zero or soon after it
SELECT person_id, 'prevalent: enrolled too long after time zero' AS reason
FROM time_zero JOIN patient USING (person_id) CROSS JOIN rule
WHERE enrolled_date > time_zero_date + incident_window_days
ORDER BY person_id
