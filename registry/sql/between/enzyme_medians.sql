-- id: lab.centre_multiple
-- severity: query
-- kind: plausibility
-- message: The median of the {values} values of {label} at this centre is {times} times that of the {centres} other centres
--   ({own} and {others} x ULN).
-- meaning: The median multiple of the upper limit of normal of a centre is a factor of two away from that of the others.
-- advice: Check unit, upper limit of normal and method of {label}; then confirm that the patients differ.
-- source: limits of this project: one log2; choice: 20 values, three other centres
--
-- One row an analyte that can be tested: this centre and at least three others have 20 values with an upper limit each.
WITH multiple AS (
    SELECT in_force.centre = $centre AS own, in_force.centre, lab.analyte, log2(lab.value / lab.uln) AS log_multiple
    FROM lab
    JOIN in_force USING (submission_id)
    WHERE lab.value > 0 AND lab.uln > 0
),
centre_median AS (
    SELECT own, centre, analyte, median(log_multiple) AS log_multiple, count(*) AS values
    FROM multiple
    GROUP BY ALL
    HAVING count(*) >= 20
),
compared AS (
    SELECT
        analyte,
        max(log_multiple) FILTER (own) AS own,
        max(values) FILTER (own) AS values,
        -- Each centre counts once: the largest would be compared with itself otherwise.
        median(log_multiple) FILTER (NOT own) AS others,
        count(*) FILTER (NOT own) AS centres
    FROM centre_median
    GROUP BY analyte
)
SELECT
    abs(own - others) > 1 AS wrong, NULL AS record, NULL AS patient_id, analyte AS label, values, centres,
    format('{:.2f}', pow(2, own - others)) AS times, format('{:.2f}', pow(2, own)) AS own,
    format('{:.2f}', pow(2, others)) AS others
FROM compared
WHERE own IS NOT NULL AND centres >= 3
ORDER BY analyte
