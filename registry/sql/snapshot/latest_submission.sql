-- Each centre's state on a date: its latest submission dated on or before it; of several with one date, the last one sent.
SELECT submission_id, centre, date, sha256, contract, accepted, quarantined
FROM submission
WHERE date <= CAST($cut AS DATE)
QUALIFY row_number() OVER (PARTITION BY centre ORDER BY date DESC, sequence DESC) = 1
ORDER BY centre
