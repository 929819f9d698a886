-- id: lab.igg_after_ivig
-- severity: query
-- kind: plausibility
-- columns: value, date
-- message: {samples} of {all_samples} IgG values of this person were sampled less than 28 days after immunoglobulin of
--   at least 1 g/kg, this one after {days} days: they are not the person's own IgG.
-- meaning: IgG is sampled less than 28 days after immunoglobulin of at least 1 g/kg.
-- advice: Confirm the dates; the values are kept, and not graded as low or normal IgG.
-- source: limits of this project
WITH {ivig_cycle infusion=accepted_infusion gap_days=7},

source AS (
    SELECT patient_id, sum(g_kg) AS total, min(date) AS start, max(date) AS finish
    FROM cycle
    GROUP BY patient_id, number
    UNION ALL
    SELECT patient_id, dose, start_date, coalesce(stop_date, if(stop_status = 'still taken', DATE '9999-12-31', NULL))
    FROM accepted_course
    WHERE agent = 'ivig' AND dose_unit = 'g/kg' AND intent IS DISTINCT FROM 'replacement'
)
SELECT
    coalesce(min(line) FILTER (raised), min(line)) AS line, bool_or(raised) AS wrong, count(*) AS all_samples,
    count(*) FILTER (raised) AS samples, coalesce(arg_min(days, line) FILTER (raised), 0) AS days
FROM (
    -- A sample of the first day counts as taken before the dose.
    SELECT
        lab.line, lab.patient_id,
        coalesce(bool_or(source.total >= 1 AND lab.date - source.finish < 28), false) AS raised,
        greatest(min(lab.date - source.finish) FILTER (source.total >= 1), 0) AS days
    FROM lab
    LEFT JOIN source ON source.patient_id = lab.patient_id AND lab.date > source.start
    WHERE lab.analyte = 'IgG' AND lab.value IS NOT NULL AND lab.patient_id IN (SELECT patient_id FROM source)
    GROUP BY lab.line, lab.patient_id
)
GROUP BY patient_id
