-- Baseline of each core set measure: the last value in the window that ends with time zero, that day included.
-- needs: core_set, lab_multiple, enzyme_range, time_zero, rule
--
-- Enzymes come from the samples themselves and not by way of a visit: the sample nearest to a visit before time zero
-- can lie after time zero, and a baseline must not know what treatment did.

WITH
candidate AS (
    SELECT person_id, measure, value, scale, uln, date, record
    FROM core_set
    WHERE measure IN ('phga', 'ptga', 'mmt8', 'haq', 'exga')
    UNION ALL
    SELECT
        lab.person_id,
        lab.analyte,
        lab.value,
        CAST(lab.uln * enzyme_range.range_multiple AS DECIMAL(18, 6)),
        lab.uln,
        lab.date,
        lab.record
    FROM lab_multiple AS lab
    INNER JOIN enzyme_range ON lab.analyte = enzyme_range.enzyme
    WHERE lab.uln IS NOT NULL
)

SELECT candidate.*
FROM candidate
INNER JOIN time_zero USING (person_id)
CROSS JOIN rule
WHERE
    candidate.date BETWEEN time_zero.time_zero_date - CAST(rule.baseline_window_days AS INTEGER)
    AND time_zero.time_zero_date
QUALIFY row_number() OVER (PARTITION BY candidate.person_id, candidate.measure ORDER BY candidate.date DESC) = 1
ORDER BY person_id, measure
