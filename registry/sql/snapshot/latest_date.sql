-- The date of the latest submission that had arrived by a day.
SELECT max(date) AS cut
FROM submission
WHERE CAST($known AS DATE) IS NULL OR received_at < CAST($known AS DATE) + INTERVAL 1 DAY
