-- Confirmed deterioration: worse than baseline at two consecutive visits after time zero; dated on the second.
-- needs: time_zero, core_set, baseline_core_set, rule
--
-- Worse is any of three: physician global activity by 2 cm and MMT8 by 20 %; extramuscular activity by 2 cm; three of
-- the five clinical measures by 30 % (enzymes do not count). Per cent are of the baseline value; from a baseline of
-- zero there is no per cent, so the measure counts only in centimetres. The two visits may meet different criteria. A
-- measure that is missing, or MMT8 on another scale than at baseline, is not worse. A visit at which none of the five
-- was recorded is no visit here: it neither confirms nor interrupts.

WITH
change AS (
    SELECT
        core_set.person_id,
        core_set.date,
        core_set.measure,
        core_set.record,
        baseline.value AS baseline,
        CASE WHEN core_set.higher_is_better THEN -1 ELSE 1 END * (core_set.value - baseline.value) AS worse_by
    FROM core_set
    INNER JOIN time_zero USING (person_id)
    LEFT JOIN baseline_core_set AS baseline
        ON core_set.person_id = baseline.person_id AND core_set.measure = baseline.measure
        AND core_set.scale = baseline.scale
    WHERE
        core_set.date > time_zero.time_zero_date
        AND core_set.measure IN ('phga', 'ptga', 'mmt8', 'haq', 'exga')
),

met AS (
    SELECT
        change.person_id,
        change.date,
        any_value(change.record) AS record,
        coalesce(bool_or(change.measure = 'phga' AND change.worse_by >= rule.worse_vas_cm), FALSE)
        AND coalesce(
            bool_or(
                change.measure = 'mmt8' AND change.baseline > 0
                AND 100 * change.worse_by >= rule.worse_mmt_percent * change.baseline
            ),
            FALSE
        ) AS strength,
        coalesce(bool_or(change.measure = 'exga' AND change.worse_by >= rule.worse_vas_cm), FALSE) AS extramuscular,
        count_if(change.baseline > 0 AND 100 * change.worse_by >= rule.worse_core_set_percent * change.baseline)
        >= any_value(rule.worse_core_set_measures) AS core_set
    FROM change
    CROSS JOIN rule
    GROUP BY change.person_id, change.date
),

judged AS (
    SELECT
        *,
        strength OR extramuscular OR core_set AS worse,
        lag(date) OVER earlier AS previous_date,
        lag(strength OR extramuscular OR core_set) OVER earlier AS previous_worse
    FROM met
    WINDOW earlier AS (PARTITION BY person_id ORDER BY date)
)

SELECT
    person_id,
    date AS deterioration_date,
    previous_date AS first_date,
    concat_ws(
        ', ',
        CASE WHEN strength THEN 'physician global activity and strength' END,
        CASE WHEN extramuscular THEN 'extramuscular activity' END,
        CASE WHEN core_set THEN 'core set measures' END
    ) AS criterion,
    record
FROM judged
WHERE worse AND previous_worse
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY date) = 1
ORDER BY person_id
