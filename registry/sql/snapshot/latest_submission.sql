-- Each centre's state on a date, as far as it was known on another: its latest submission dated on or before the cut
-- that had arrived; of several with one date, the last one sent.
SELECT submission_id, centre, date, sha256, contract, accepted, quarantined
FROM submission
WHERE
    date <= CAST($cut AS DATE)
    AND (CAST($known AS DATE) IS NULL OR received_at < CAST($known AS DATE) + INTERVAL 1 DAY)
QUALIFY row_number() OVER (PARTITION BY centre ORDER BY date DESC, sequence DESC) = 1
ORDER BY centre
