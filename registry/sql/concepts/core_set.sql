-- Core set measures at every visit: the five clinical ones and, for each muscle enzyme, the value nearest to the
-- visit.
-- needs: visit, lab_multiple, enzyme_range, rule
--
-- scale is what 100 % means in the total improvement score: the length of the visual analogue scale, the maximum of the
-- MMT8 scale used, 3 for HAQ, and the enzyme's range in multiples of its ULN. measured_date is the day of the sample.

WITH
clinical AS (
    SELECT person_id, date, 'phga' AS measure, phga AS value, 10 AS scale, FALSE AS higher_is_better, record
    FROM visit
    UNION ALL
    SELECT person_id, date, 'ptga', ptga, 10, FALSE, record
    FROM visit
    UNION ALL
    SELECT person_id, date, 'mmt8', mmt8, mmt_maximum, TRUE, record
    FROM visit
    UNION ALL
    SELECT person_id, date, 'haq', haq, 3, FALSE, record
    FROM visit
    UNION ALL
    SELECT person_id, date, 'exga', exga, 10, FALSE, record
    FROM visit
),

sample AS (
    SELECT
        visit.person_id,
        visit.date,
        lab.analyte AS measure,
        lab.value,
        lab.uln,
        lab.uln * enzyme_range.range_multiple AS scale,
        lab.date AS measured_date,
        lab.record
    FROM visit
    CROSS JOIN rule
    INNER JOIN lab_multiple AS lab
        ON visit.person_id = lab.person_id
        AND lab.date BETWEEN visit.date - CAST(rule.enzyme_window_days AS INTEGER)
        AND visit.date + CAST(rule.enzyme_window_days AS INTEGER)
    INNER JOIN enzyme_range ON lab.analyte = enzyme_range.enzyme
    WHERE lab.uln IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY visit.person_id, visit.date, lab.analyte
        ORDER BY abs(lab.date - visit.date), lab.date
    ) = 1
)

SELECT
    person_id,
    date,
    measure,
    CAST(value AS DECIMAL(18, 6)) AS value,
    CAST(scale AS DECIMAL(18, 6)) AS scale,
    CAST(NULL AS DECIMAL(18, 6)) AS uln,
    higher_is_better,
    date AS measured_date,
    record
FROM clinical
WHERE value IS NOT NULL AND scale IS NOT NULL
UNION ALL
SELECT person_id, date, measure, value, CAST(scale AS DECIMAL(18, 6)), uln, FALSE, measured_date, record
FROM sample
ORDER BY person_id, date, measure
