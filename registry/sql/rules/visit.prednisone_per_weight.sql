-- id: visit.prednisone_per_weight
-- severity: query
-- kind: plausibility
-- columns: prednisone
-- message: {mg_kg} mg of prednisone per kg and day, with a weight of {kg} kg on {weighed}; more than 2 is unusual.
-- meaning: More than 2 mg of prednisone per kg and day, by the nearest weight within 180 days.
-- advice: Confirm dose and weight; pulses do not belong here.
-- source: limits of this project
SELECT
    line, prednisone > 2 * weighed.kg AS wrong, round(prednisone / weighed.kg, 2) AS mg_kg, weighed.kg,
    weighed.date AS weighed
FROM (
    SELECT
        row.line, any_value(row.prednisone) AS prednisone,
        first(
            {'kg': other.weight, 'date': other.date} ORDER BY abs(row.date - other.date), other.date
        ) AS weighed
    FROM visit AS row
    JOIN visit AS other ON other.patient_id = row.patient_id AND abs(row.date - other.date) <= 180
    WHERE row.prednisone > 50 AND other.weight BETWEEN 25 AND 300
    GROUP BY row.line
)
