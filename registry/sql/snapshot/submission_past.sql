-- Every submission up to the cut, as far as it was known, in force or not.
SELECT submission_id, centre, date, sequence, kind, replaces, accepted, quarantined, queries
FROM submission
WHERE
    date <= CAST($cut AS DATE)
    AND (CAST($known AS DATE) IS NULL OR received_at < CAST($known AS DATE) + INTERVAL 1 DAY)
