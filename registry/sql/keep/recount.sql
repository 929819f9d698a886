-- The counts of a submission after rows of it were erased.
UPDATE submission
SET
    accepted = kept.accepted,
    quarantined = kept.quarantined,
    queries = kept.queries,
    left_out = left_out + (submission.accepted - kept.accepted) + (submission.quarantined - kept.quarantined)
FROM (
    SELECT
        (SELECT count(*) FROM patient WHERE submission_id = $id)
        + (SELECT count(*) FROM antibody WHERE submission_id = $id)
        + (SELECT count(*) FROM course WHERE submission_id = $id)
        + (SELECT count(*) FROM infusion WHERE submission_id = $id)
        + (SELECT count(*) FROM visit WHERE submission_id = $id)
        + (SELECT count(*) FROM lab WHERE submission_id = $id)
        + (SELECT count(*) FROM event WHERE submission_id = $id)
        + (SELECT count(*) FROM follow_up WHERE submission_id = $id) AS accepted,
        (SELECT count(*) FROM quarantine WHERE submission_id = $id) AS quarantined,
        (SELECT count(*) FROM query WHERE submission_id = $id) AS queries
) AS kept
WHERE submission_id = $id
