-- How many rows have each field that matters, of those to which it applies: by centre.
-- A person belongs to the centre that the person's own row names.
WITH
asked AS (
    SELECT
        visit.centre,
        unnest([
            'Physician global activity', 'Patient global activity', 'MMT8', 'HAQ', 'Extramuscular global activity',
            'Muscle enzyme near the visit'
        ]) AS field,
        unnest([
            phga IS NOT NULL, ptga IS NOT NULL, mmt8 IS NOT NULL, haq IS NOT NULL, exga IS NOT NULL,
            enzyme.person_id IS NOT NULL
        ]) AS filled
    FROM visit
    LEFT JOIN (
        SELECT DISTINCT core_set.person_id, core_set.date
        FROM core_set
        INNER JOIN enzyme_range ON core_set.measure = enzyme_range.enzyme
    ) AS enzyme USING (person_id, date)

    UNION ALL

    SELECT lab.centre, 'ULN of a muscle enzyme', lab.uln IS NOT NULL
    FROM lab
    INNER JOIN enzyme_range ON lab.analyte = enzyme_range.enzyme

    UNION ALL

    SELECT centre, 'Intent of IVIG', intent IS NOT NULL
    FROM course
    WHERE agent = 'ivig'

    UNION ALL

    SELECT centre, 'Reason of a stop', stop_reason IS NOT NULL
    FROM course
    WHERE stop_status = 'stopped'

    UNION ALL

    SELECT
        patient.centre,
        'IgG before rituximab',
        EXISTS (
            SELECT 1
            FROM lab
            WHERE
                lab.person_id = first.person_id
                AND lab.analyte = 'IgG'
                AND lab.date BETWEEN CAST(first.date - to_months(rule.igg_before_rituximab_months) AS DATE)
                AND first.date
        )
    FROM (
        SELECT person_id, min(date) AS date
        FROM (
            SELECT person_id, date FROM infusion WHERE agent = 'rituximab'
            UNION ALL
            SELECT person_id, start_date FROM course WHERE agent = 'rituximab'
        )
        GROUP BY person_id
    ) AS first
    INNER JOIN patient USING (person_id)
    CROSS JOIN rule

    UNION ALL

    SELECT
        centre,
        'Antibody tested',
        person_id IN (SELECT person_id FROM antibody WHERE result <> 'not tested')
    FROM patient

    UNION ALL

    -- Who is lost counts as not seen; of the dead and those who withdrew nothing more is expected.
    SELECT
        patient.centre,
        'Seen lately',
        coalesce(
            follow_up.last_seen_date
            >= CAST(data_cut.cut - to_months(rule.follow_up_current_months) AS DATE),
            FALSE
        )
    FROM patient
    LEFT JOIN follow_up USING (person_id)
    CROSS JOIN data_cut
    CROSS JOIN rule
    WHERE coalesce(follow_up.status NOT IN ('dead', 'withdrawn'), TRUE)
)

SELECT centre, field, count(*) AS applies, count(*) FILTER (filled) AS filled
FROM asked
GROUP BY centre, field
ORDER BY centre, field
