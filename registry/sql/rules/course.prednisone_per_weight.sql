-- id: course.prednisone_per_weight
-- severity: query
-- kind: plausibility
-- columns: dose
-- message: {mg_kg} mg of prednisone per kg and day, with a weight of {kg} kg on {weighed}; more than 2 is unusual.
-- meaning: More than 2 mg of prednisone per kg and day, by the nearest weight within 180 days.
-- advice: Confirm dose and weight; a pulse has the schedule once.
-- source: limits of this project
SELECT line, dose > 2 * weighed.kg AS wrong, round(dose / weighed.kg, 2) AS mg_kg, weighed.kg, weighed.date AS weighed
FROM (
    SELECT
        row.line, any_value(row.dose) AS dose,
        first(
            {'kg': visit.weight, 'date': visit.date} ORDER BY abs(row.start_date - visit.date), visit.date
        ) AS weighed
    FROM course AS row
    JOIN accepted_visit AS visit
        ON visit.patient_id = row.patient_id AND abs(row.start_date - visit.date) <= 180 AND visit.weight IS NOT NULL
    WHERE row.agent IN ('prednisone', 'prednisolone') AND row.schedule = 'daily' AND row.dose_unit = 'mg'
    GROUP BY row.line
)
