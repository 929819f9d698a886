WITH own AS (
    SELECT
        min(line) AS line,
        person_id,
        one_of(name, value, 'last_seen_date') AS last_seen_date,
        one_of(name, value, 'status') AS status
    FROM said
    WHERE table_name = 'follow_up'
    GROUP BY person_id
),

died AS (
    SELECT
        min(line) AS line,
        person_id,
        string_agg(DISTINCT death_date, ' | ' ORDER BY death_date) AS death_date,
        string_agg(DISTINCT cause_source_value, ' | ' ORDER BY cause_source_value) AS cause
    FROM death
    GROUP BY person_id
)

SELECT
    if(own.line IS NULL, 'death.csv', 'observation.csv') AS file,
    coalesce(own.line, died.line) AS "at",
    coalesce(own.person_id, died.person_id) AS patient_id,
    coalesce(own.last_seen_date, died.death_date) AS last_seen_date,
    coalesce(own.status, if(died.line IS NULL, NULL, 'dead')) AS status,
    died.death_date,
    -- Any other text is the centre's own word for a cause and cannot be read.
    if(starts_with(died.cause, 'myoregistry:'), substr(died.cause, 13), NULL) AS death_cause
FROM own
FULL JOIN died USING (person_id)
ORDER BY file, "at"
