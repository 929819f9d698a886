-- The number of the next submission of a centre and date.
SELECT coalesce(max(sequence), 0) + 1 AS sequence
FROM submission
WHERE centre = $centre AND date = $date
