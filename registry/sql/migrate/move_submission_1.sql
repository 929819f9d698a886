INSERT INTO submission BY NAME
SELECT *, lag(submission_id) OVER (PARTITION BY centre ORDER BY received_at, date, sequence) AS replaces
FROM submission_1
ORDER BY received_at, submission_id
