-- A submission of the same centre and date with the same bytes, and which one of that centre and date is in force.
SELECT
    submission_id,
    accepted,
    quarantined,
    queries,
    left_out,
    (
        SELECT later.submission_id
        FROM submission AS later
        WHERE later.centre = s.centre AND later.date = s.date
        ORDER BY later.sequence DESC
        LIMIT 1
    ) AS latest
FROM submission AS s
WHERE centre = $centre AND date = $date AND sha256 = $sha256
ORDER BY sequence
LIMIT 1
