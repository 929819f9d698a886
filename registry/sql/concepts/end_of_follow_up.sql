-- The end of follow-up of every person: death, or the day last seen, and never after the data cut.
-- needs: patient, follow_up, visit, lab, infusion, course, event, data_cut
--
-- Someone without a follow-up row was last seen on the day of the last record about them.

WITH
last_word AS (
    SELECT
        person_id,
        coalesce(death_date, last_seen_date) AS date,
        CASE
            WHEN death_date IS NOT NULL THEN 'death'
            WHEN status IN ('lost', 'withdrawn') THEN status
            ELSE 'last seen'
        END AS reason,
        record
    FROM follow_up
),

contact AS (
    SELECT person_id, enrolled_date AS date, record FROM patient
    UNION ALL
    SELECT person_id, date, record FROM visit
    UNION ALL
    SELECT person_id, date, record FROM lab
    UNION ALL
    SELECT person_id, date, record FROM infusion
    UNION ALL
    SELECT person_id, start_date, record FROM course
    UNION ALL
    SELECT person_id, start_date, record FROM event
),

last_contact AS (
    SELECT contact.person_id, max({'date': contact.date, 'record': contact.record}) AS last
    FROM contact
    ANTI JOIN follow_up ON contact.person_id = follow_up.person_id
    GROUP BY contact.person_id
),

known AS (
    SELECT
        patient.person_id,
        coalesce(last_word.date, last_contact.last.date) AS date,
        coalesce(last_word.reason, 'last seen') AS reason,
        coalesce(last_word.record, last_contact.last.record) AS record
    FROM patient
    LEFT JOIN last_word ON patient.person_id = last_word.person_id
    LEFT JOIN last_contact ON patient.person_id = last_contact.person_id
)

SELECT
    known.person_id,
    least(known.date, data_cut.cut) AS end_date,
    -- someone seen on the day of the cut or later is followed to the cut; death or loss on that day still counts
    CASE
        WHEN known.date > data_cut.cut THEN 'data cut'
        WHEN known.date = data_cut.cut AND known.reason = 'last seen' THEN 'data cut'
        ELSE known.reason
    END AS reason,
    known.record
FROM known
CROSS JOIN data_cut
ORDER BY known.person_id
