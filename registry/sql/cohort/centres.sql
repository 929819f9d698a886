-- One row a centre: what it sent, and how many of its patients are in the cohort, by arm.
SELECT
    s.centre,
    s.date AS submission_date,
    s.accepted,
    s.quarantined,
    count(DISTINCT p.person_id) AS registered,
    count(DISTINCT p.person_id) FILTER (z.arm = 'ivig' AND r.person_id IS NOT NULL) AS ivig,
    count(DISTINCT p.person_id) FILTER (z.arm = 'rituximab' AND r.person_id IS NOT NULL) AS rituximab
FROM submission s
LEFT JOIN patient p USING (centre)
LEFT JOIN time_zero z ON z.person_id = p.person_id
LEFT JOIN remaining r ON r.person_id = p.person_id
GROUP BY ALL
ORDER BY s.centre
