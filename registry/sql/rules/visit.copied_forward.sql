-- id: visit.copied_forward
-- severity: query
-- kind: plausibility
-- columns: phga, mmt8, haq, date
-- message: PhGA, MMT8 and HAQ are the same to the last digit at {visits} visits in a row, from {start} to
--   {finish}.
-- meaning: PhGA, MMT8 and HAQ are the same at five visits in a row or more, in somebody who is not well.
-- advice: Confirm that they were measured each time and not copied from visit to visit.
-- source: choice: five visits
SELECT min(line) AS line, count(*) >= 5 AS wrong, count(*) AS visits, min(date) AS start, max(date) AS finish
FROM (
    SELECT *, count(*) FILTER (fresh) OVER (PARTITION BY patient_id ORDER BY date, line) AS run
    FROM (
        SELECT
            line, patient_id, date, (phga, mmt8, haq) IS DISTINCT FROM lag((phga, mmt8, haq)) OVER person AS fresh,
            count(*) OVER (PARTITION BY patient_id) AS all_visits
        FROM visit
        -- Somebody who is well scores the same each time.
        WHERE phga > 0 AND mmt8 < mmt_maximum AND haq IS NOT NULL
        WINDOW person AS (PARTITION BY patient_id ORDER BY date, line)
    )
    WHERE all_visits >= 5
)
GROUP BY patient_id, run
