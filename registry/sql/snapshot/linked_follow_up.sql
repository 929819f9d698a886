-- The last word on every person in force, linked: of several centres' words a death, or else the latest.
SELECT coalesce(linked.person_id, s.centre || '/' || t.patient_id) AS person_id, s.centre, t.record, {columns}
FROM follow_up AS t
JOIN ({in_force}) AS s USING (submission_id)
LEFT JOIN linked ON linked.own_id = s.centre || '/' || t.patient_id
QUALIFY
    linked.person_id IS NULL
    OR row_number() OVER (
        PARTITION BY linked.person_id
        ORDER BY t.status = 'dead' DESC, t.last_seen_date DESC, linked.own_id = linked.person_id DESC, s.centre
    ) = 1
