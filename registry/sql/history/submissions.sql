-- Every submission, in the order in which they came: several can come within one second, but each has its own entry.
SELECT submission_id, centre, date, received_at, sender, kind, replaces, accepted, quarantined, queries, left_out
FROM submission
WHERE $centre IS NULL OR centre = $centre
ORDER BY
    (
        SELECT min(entry) FROM audit
        WHERE audit.subject = submission.submission_id AND audit.action IN ('added', 'migrated')
    ),
    submission_id
