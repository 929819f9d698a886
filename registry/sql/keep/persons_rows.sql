-- How many rows of the registry are about some persons of a centre, by submission.
SELECT submission_id, sum(rows) AS rows
FROM ({union})
JOIN submission USING (submission_id)
WHERE submission.centre = $centre
GROUP BY submission_id
ORDER BY submission_id
