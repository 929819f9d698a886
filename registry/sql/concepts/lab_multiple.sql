-- Every laboratory value as a multiple of the upper limit of normal (ULN) of its own laboratory.
-- needs: lab, patient
--
-- A row without ULN takes the one in force at its centre: same analyte, assay and sex, the latest stated on or before
-- the day of the sample, else the first stated after it. The assay counts because the ULN of LDH differs twofold
-- between assays; an assay without a name matches only others without one. Without such a row the multiple stays
-- missing: a limit is never borrowed from another centre.

WITH
sample AS (
    SELECT lab.*, coalesce(lab.method, '') AS assay, patient.sex
    FROM lab
    INNER JOIN patient USING (person_id)
),

stated AS (
    -- Two limits stated for one day: the higher one, so that the choice calls nothing abnormal.
    SELECT centre, analyte, assay, sex, date, max(uln) AS uln
    FROM sample
    WHERE uln IS NOT NULL
    GROUP BY centre, analyte, assay, sex, date
),

limited AS (
    SELECT
        sample.person_id,
        sample.analyte,
        sample.date,
        sample.value,
        coalesce(sample.uln, earlier.uln, later.uln) AS uln,
        CASE
            WHEN sample.uln IS NOT NULL THEN 'row'
            WHEN coalesce(earlier.uln, later.uln) IS NOT NULL THEN 'centre'
            ELSE 'missing'
        END AS uln_origin,
        sample.record
    FROM sample
    ASOF LEFT JOIN stated AS earlier
        ON sample.centre = earlier.centre AND sample.analyte = earlier.analyte AND sample.assay = earlier.assay
        AND sample.sex = earlier.sex AND sample.date >= earlier.date
    ASOF LEFT JOIN stated AS later
        ON sample.centre = later.centre AND sample.analyte = later.analyte AND sample.assay = later.assay
        AND sample.sex = later.sex AND sample.date < later.date
)

SELECT
    person_id,
    analyte,
    date,
    value,
    uln,
    uln_origin,
    CAST(value AS DOUBLE) / CAST(uln AS DOUBLE) AS multiple,
    CASE WHEN value > 0 THEN log2(CAST(value AS DOUBLE) / CAST(uln AS DOUBLE)) END AS log2_multiple,
    record
FROM limited
ORDER BY person_id, analyte, date
