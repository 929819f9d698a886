-- What the submissions in force changed of those that they replaced.
SELECT s.centre, c.submission_id, p.replaces, c.table_name, c.change, c.rows
FROM submission_change AS c
JOIN submission AS p USING (submission_id)
JOIN ({in_force}) AS s USING (submission_id)
