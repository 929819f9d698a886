-- id: infusion.weight_differs
-- severity: query
-- kind: plausibility
-- columns: weight, date
-- message: The weight is {percent} % away from the {kg} kg of the visit on {weighed}.
-- meaning: The weight of an infusion is more than 10 % away from that of the nearest visit within 90 days.
-- advice: Confirm both weights.
-- source: limits of this project
SELECT
    line, abs(weight - weighed.kg) > 0.1 * weighed.kg AS wrong, weighed.kg, weighed.date AS weighed,
    round(100 * abs(weight - weighed.kg) / weighed.kg, 1) AS percent
FROM (
    SELECT
        row.line, any_value(row.weight) AS weight,
        first(
            {'kg': visit.weight, 'date': visit.date} ORDER BY abs(row.date - visit.date), visit.date
        ) AS weighed
    FROM infusion AS row
    JOIN accepted_visit AS visit
        ON visit.patient_id = row.patient_id AND abs(row.date - visit.date) <= 90 AND visit.weight IS NOT NULL
    WHERE row.weight BETWEEN 25 AND 300
    GROUP BY row.line
)
