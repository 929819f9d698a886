-- id: visit.weight_change
-- severity: query
-- kind: plausibility
-- columns: weight, date
-- message: The weight is {percent} % away from the {kg} kg of {before}, {days} days earlier.
-- meaning: The weight changes by more than 10 % within 90 days.
-- advice: Confirm both weights; one of them may be in pounds or of another person.
-- source: limits of this project
SELECT
    line, abs(weight - kg) > 0.1 * kg AS wrong, kg, before, date - before AS days,
    round(100 * abs(weight - kg) / kg, 1) AS percent
FROM (
    SELECT line, date, weight, lag(weight) OVER person AS kg, lag(date) OVER person AS before
    FROM visit
    WHERE weight BETWEEN 25 AND 300
    WINDOW person AS (PARTITION BY patient_id ORDER BY date, line)
)
WHERE date - before BETWEEN 1 AND 90
