-- id: visit.mmt8_jump
-- severity: query
-- kind: plausibility
-- columns: mmt8, date
-- message: MMT8 is {change} points away from that of {before}, {days} days earlier.
-- meaning: MMT8 changes by more than 40 points between two visits less than 28 days apart.
-- advice: Confirm the value, its scale and both dates.
-- source: limits of this project
SELECT line, abs(mmt8 - mmt8_before) > 40 AS wrong, abs(mmt8 - mmt8_before) AS change, before, date - before AS days
FROM (
    SELECT line, date, mmt8, lag(mmt8) OVER person AS mmt8_before, lag(date) OVER person AS before
    FROM visit
    WHERE mmt8 BETWEEN 0 AND mmt_maximum
    WINDOW person AS (PARTITION BY patient_id, mmt_maximum ORDER BY date, line)
)
WHERE date - before BETWEEN 1 AND 27
