-- Every submission, as it came.
SELECT submission_id, centre, date, received_at, sender, kind, replaces, accepted, quarantined, queries, left_out
FROM submission
WHERE $centre IS NULL OR centre = $centre
ORDER BY received_at, submission_id
