-- id: visit.height_change
-- severity: query
-- kind: plausibility
-- columns: height, date
-- message: The height is {change} cm away from the {cm} cm of {before}.
-- meaning: The height changes by more than 3 cm between visits.
-- advice: Confirm both heights; adults change by no more than 3 cm.
-- source: choice: 3 cm
SELECT line, abs(height - cm) > 3 AS wrong, abs(height - cm) AS change, cm, before
FROM (
    SELECT line, height, lag(height) OVER person AS cm, lag(date) OVER person AS before
    FROM visit
    WHERE height BETWEEN 100 AND 230
    WINDOW person AS (PARTITION BY patient_id ORDER BY date, line)
)
WHERE cm IS NOT NULL
