-- The number of the next submission of a centre and date, and when the last submission of any centre arrived.
SELECT
    coalesce(max(sequence) FILTER (WHERE centre = $centre AND date = $date), 0) + 1 AS sequence,
    max(received_at) AS received_at
FROM submission
