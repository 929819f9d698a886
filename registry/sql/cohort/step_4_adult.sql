-- Adult at time zero (the year of birth is known, not the day)
SELECT person_id, 'younger than the adult age at time zero' AS reason
FROM time_zero JOIN patient USING (person_id) CROSS JOIN rule
WHERE year(time_zero_date) - birth_year < adult_age
ORDER BY person_id
