-- 2016 ACR/EULAR total improvement score (TIS, 0 to 100) of every visit after time zero, against the baseline at
-- time zero.
-- needs: visit, time_zero, core_set, baseline_core_set, enzyme_range, tis_band, rule
--
-- The absolute percent change of a measure is its improvement as a share of its range:
-- 100 * (value / scale at baseline - value / scale at the visit), with the sign turned for MMT8.
-- It meets the cuts by cross-multiplication of whole numbers, because many values lie exactly on a cut, where binary
-- floating point gives points away (2.2 cm to 0.7 cm is 15 %, which scores 7.5 and not 15).
-- An enzyme is scored against the ULN of its own sample, so that a change of laboratory is no improvement.
-- The score is missing unless all six components are there; tis_low and tis_high say what it could have been.

WITH
followed AS (
    SELECT visit.*, CAST(visit.date - time_zero.time_zero_date AS INTEGER) AS day
    FROM visit
    INNER JOIN time_zero USING (person_id)
    WHERE visit.date > time_zero.time_zero_date
),

baseline AS (
    -- Whole millionths: the registry keeps six decimals.
    SELECT
        person_id,
        measure,
        CAST(value * 1000000 AS HUGEINT) AS value,
        CAST(scale * 1000000 AS HUGEINT) AS scale,
        CAST(uln * 1000000 AS HUGEINT) AS uln,
        enzyme_range.place
    FROM baseline_core_set
    LEFT JOIN enzyme_range ON baseline_core_set.measure = enzyme_range.enzyme
),

outranked AS (
    -- An enzyme gives way to one that is further above its ULN, or as far and before it in place.
    SELECT DISTINCT one.person_id, one.measure
    FROM baseline AS one
    INNER JOIN baseline AS other USING (person_id)
    WHERE
        other.value * one.uln > one.value * other.uln
        OR (other.value * one.uln = one.value * other.uln AND other.place < one.place)
),

most_abnormal AS (
    SELECT person_id, measure
    FROM baseline
    ANTI JOIN outranked USING (person_id, measure)
    WHERE place IS NOT NULL
),

compared AS (
    SELECT person_id, measure, measure AS component, value, scale
    FROM baseline
    WHERE place IS NULL
    UNION ALL
    SELECT person_id, measure, 'enzyme', baseline.value, baseline.scale
    FROM baseline
    SEMI JOIN most_abnormal USING (person_id, measure)
),

change AS (
    -- The absolute percent change is 100 * improvement / whole.
    SELECT
        core_set.person_id,
        core_set.date,
        compared.component,
        (CASE WHEN core_set.higher_is_better THEN -1 ELSE 1 END) * (
            compared.value * CAST(core_set.scale * 1000000 AS HUGEINT)
            - compared.scale * CAST(core_set.value * 1000000 AS HUGEINT)
        ) AS improvement,
        compared.scale * CAST(core_set.scale * 1000000 AS HUGEINT) AS whole,
        compared.scale = CAST(core_set.scale * 1000000 AS HUGEINT) AS same_scale
    FROM core_set
    INNER JOIN compared USING (person_id, measure)
    INNER JOIN time_zero USING (person_id)
    -- A sample drawn before treatment is not a follow-up, even if it is the one nearest to the visit.
    WHERE core_set.date > time_zero.time_zero_date AND core_set.measured_date > time_zero.time_zero_date
),

band AS (
    -- Worsening of any size is in the first band and improvement of any size in the last.
    SELECT
        measure AS component,
        points,
        CASE WHEN above > min(above) OVER (PARTITION BY measure) THEN above END AS above,
        CASE WHEN upto < max(upto) OVER (PARTITION BY measure) THEN upto END AS upto
    FROM tis_band
),

component AS (
    SELECT change.person_id, change.date, change.component, band.points
    FROM change
    INNER JOIN band
        ON change.component = band.component
        AND (band.above IS NULL OR 100 * change.improvement > band.above * change.whole)
        AND (band.upto IS NULL OR 100 * change.improvement <= band.upto * change.whole)
    -- MMT8 of 80 points and of 150 points test different muscles.
    WHERE change.component = 'enzyme' OR change.same_scale
),

scored AS (
    SELECT
        person_id,
        date,
        max(points) FILTER (WHERE component = 'phga') AS phga,
        max(points) FILTER (WHERE component = 'ptga') AS ptga,
        max(points) FILTER (WHERE component = 'mmt8') AS mmt8,
        max(points) FILTER (WHERE component = 'haq') AS haq,
        max(points) FILTER (WHERE component = 'enzyme') AS enzyme,
        max(points) FILTER (WHERE component = 'exga') AS exga
    FROM component
    GROUP BY person_id, date
),

most AS (
    SELECT
        max(points) FILTER (WHERE measure = 'phga') AS phga,
        max(points) FILTER (WHERE measure = 'ptga') AS ptga,
        max(points) FILTER (WHERE measure = 'mmt8') AS mmt8,
        max(points) FILTER (WHERE measure = 'haq') AS haq,
        max(points) FILTER (WHERE measure = 'enzyme') AS enzyme,
        max(points) FILTER (WHERE measure = 'exga') AS exga
    FROM tis_band
),

start AS (
    SELECT
        person_id,
        bool_or(measure = 'phga') AS phga,
        bool_or(measure = 'ptga') AS ptga,
        max(scale) FILTER (WHERE measure = 'mmt8') // 1000000 AS mmt_maximum,
        bool_or(measure = 'haq') AS haq,
        bool_or(measure = 'exga') AS exga,
        max(measure) FILTER (WHERE component = 'enzyme') AS enzyme
    FROM compared
    GROUP BY person_id
)

SELECT
    followed.person_id,
    followed.date,
    followed.day,
    CAST(scored.phga + scored.ptga + scored.mmt8 + scored.haq + scored.enzyme + scored.exga AS DECIMAL(5, 1)) AS tis,
    CAST(
        coalesce(scored.phga, 0) + coalesce(scored.ptga, 0) + coalesce(scored.mmt8, 0)
        + coalesce(scored.haq, 0) + coalesce(scored.enzyme, 0) + coalesce(scored.exga, 0) AS DECIMAL(5, 1)
    ) AS tis_low,
    CAST(
        coalesce(scored.phga, most.phga) + coalesce(scored.ptga, most.ptga) + coalesce(scored.mmt8, most.mmt8)
        + coalesce(scored.haq, most.haq) + coalesce(scored.enzyme, most.enzyme) + coalesce(scored.exga, most.exga)
        AS DECIMAL(5, 1)
    ) AS tis_high,
    scored.phga AS points_phga,
    scored.ptga AS points_ptga,
    scored.mmt8 AS points_mmt8,
    scored.haq AS points_haq,
    scored.enzyme AS points_enzyme,
    scored.exga AS points_exga,
    start.enzyme,
    concat_ws(
        ', ',
        CASE WHEN scored.phga IS NULL THEN 'phga' END,
        CASE WHEN scored.ptga IS NULL THEN 'ptga' END,
        CASE WHEN scored.mmt8 IS NULL THEN 'mmt8' END,
        CASE WHEN scored.haq IS NULL THEN 'haq' END,
        CASE WHEN scored.enzyme IS NULL THEN 'enzyme' END,
        CASE WHEN scored.exga IS NULL THEN 'exga' END
    ) AS missing,
    concat_ws(
        '; ',
        CASE
            WHEN scored.phga IS NOT NULL THEN NULL
            WHEN start.phga THEN 'PhGA not recorded at this visit'
            WHEN followed.phga IS NOT NULL THEN 'PhGA not recorded at baseline'
            ELSE 'PhGA not recorded'
        END,
        CASE
            WHEN scored.ptga IS NOT NULL THEN NULL
            WHEN start.ptga THEN 'PtGA not recorded at this visit'
            WHEN followed.ptga IS NOT NULL THEN 'PtGA not recorded at baseline'
            ELSE 'PtGA not recorded'
        END,
        CASE
            WHEN scored.mmt8 IS NOT NULL THEN NULL
            WHEN start.mmt_maximum <> followed.mmt_maximum AND followed.mmt8 IS NOT NULL
                THEN format(
                    'MMT8 of {} points at baseline and of {} at this visit', start.mmt_maximum, followed.mmt_maximum
                )
            WHEN start.mmt_maximum IS NOT NULL THEN 'MMT8 not recorded at this visit'
            WHEN followed.mmt8 IS NOT NULL THEN 'MMT8 not recorded at baseline'
            ELSE 'MMT8 not recorded'
        END,
        CASE
            WHEN scored.haq IS NOT NULL THEN NULL
            WHEN start.haq THEN 'HAQ not recorded at this visit'
            WHEN followed.haq IS NOT NULL THEN 'HAQ not recorded at baseline'
            ELSE 'HAQ not recorded'
        END,
        CASE
            WHEN scored.enzyme IS NOT NULL THEN NULL
            WHEN start.enzyme IS NULL THEN 'no enzyme with an upper limit of normal at baseline'
            ELSE format(
                'no {} with an upper limit of normal after time zero within {} days of this visit',
                start.enzyme, rule.enzyme_window_days
            )
        END,
        CASE
            WHEN scored.exga IS NOT NULL THEN NULL
            WHEN start.exga THEN 'ExGA not recorded at this visit'
            WHEN followed.exga IS NOT NULL THEN 'ExGA not recorded at baseline'
            ELSE 'ExGA not recorded'
        END
    ) AS missing_reason,
    followed.record
FROM followed
CROSS JOIN rule
CROSS JOIN most
LEFT JOIN scored USING (person_id, date)
LEFT JOIN start USING (person_id)
ORDER BY followed.person_id, followed.date
