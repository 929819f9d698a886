-- First visit after time zero at which the total improvement score reached 20, 40 and 60 points.
-- needs: time_zero, tis, rule
--
-- tis_low decides: a score with missing components that already reaches the cut reaches it whatever the rest would be.
-- scorable: at some visit the missing components leave less room than a moderate response, so that a person without a
-- response was seen not to have one and was not merely never measured.

SELECT
    time_zero.person_id,
    coalesce(bool_or(tis.tis_high - tis.tis_low < rule.tis_moderate), FALSE) AS scorable,
    min(tis.date) FILTER (WHERE tis.tis_low >= rule.tis_minimal) AS response_20_date,
    arg_min(tis.record, tis.date) FILTER (WHERE tis.tis_low >= rule.tis_minimal) AS response_20_record,
    min(tis.date) FILTER (WHERE tis.tis_low >= rule.tis_moderate) AS response_40_date,
    arg_min(tis.record, tis.date) FILTER (WHERE tis.tis_low >= rule.tis_moderate) AS response_40_record,
    min(tis.date) FILTER (WHERE tis.tis_low >= rule.tis_major) AS response_60_date,
    arg_min(tis.record, tis.date) FILTER (WHERE tis.tis_low >= rule.tis_major) AS response_60_record
FROM time_zero
CROSS JOIN rule
LEFT JOIN tis USING (person_id)
WHERE time_zero.time_zero_date IS NOT NULL
GROUP BY time_zero.person_id
ORDER BY time_zero.person_id
