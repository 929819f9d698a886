-- The submission of a centre that was in force on a date: the one of the latest date up to it; of several, the last sent.
SELECT submission_id
FROM submission
WHERE centre = $centre AND date <= $date
ORDER BY date DESC, sequence DESC
LIMIT 1
