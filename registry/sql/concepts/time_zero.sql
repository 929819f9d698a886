-- Time zero and arm: first immunomodulatory IVIG or first rituximab from refractory onset on, in someone naive to both.
-- needs: patient, refractory_onset, ivig_intent, course, infusion
--
-- Eligibility, assignment and the start of follow-up fall on this one day. The arm is the agent of that day and nothing
-- later. Replacement immunoglobulin, or one for another disease, is no exposure.
-- Immunoglobulin of unclear intent at any time up to the would-be time zero leaves open when, with what, or whether the
-- person was assigned, so that nothing is assigned until the centre has answered.

WITH
exposure AS (
    SELECT person_id, 'ivig' AS agent, intent = 'immunomodulatory' AS clear, start_date AS date, record
    FROM ivig_intent
    WHERE intent IN ('immunomodulatory', 'query')
    UNION ALL
    SELECT person_id, agent, TRUE, start_date, record
    FROM course
    WHERE agent = 'rituximab'
    UNION ALL
    SELECT person_id, agent, TRUE, date, record
    FROM infusion
    WHERE agent = 'rituximab'
),

first_exposure AS (
    SELECT
        refractory_onset.person_id,
        min({'date': date, 'record': record}) FILTER (WHERE clear AND date < refractory_date) AS prior,
        min({'date': date, 'record': record}) FILTER (WHERE agent = 'ivig' AND clear AND date >= refractory_date)
            AS ivig,
        min({'date': date, 'record': record}) FILTER (WHERE agent = 'rituximab' AND date >= refractory_date)
            AS rituximab,
        min({'date': date, 'record': record}) FILTER (WHERE NOT clear) AS unclear
    FROM refractory_onset
    LEFT JOIN exposure ON refractory_onset.person_id = exposure.person_id
    GROUP BY refractory_onset.person_id
),

judged AS (
    SELECT
        patient.person_id,
        CASE
            WHEN first_exposure.person_id IS NULL THEN 'not refractory'
            WHEN prior IS NOT NULL THEN 'prior exposure'
            -- least ignores what is missing
            WHEN unclear.date <= coalesce(least(ivig.date, rituximab.date), unclear.date) THEN 'intent unclear'
            WHEN ivig IS NULL AND rituximab IS NULL THEN 'neither agent'
            WHEN ivig.date = rituximab.date THEN 'both on one day'
            ELSE 'assigned'
        END AS status,
        if(rituximab IS NULL OR ivig.date < rituximab.date, 'ivig', 'rituximab') AS first_agent,
        prior,
        unclear,
        ivig,
        rituximab
    FROM patient
    LEFT JOIN first_exposure ON patient.person_id = first_exposure.person_id
)

SELECT
    person_id,
    status,
    if(status = 'assigned', first_agent, NULL) AS arm,
    if(status = 'assigned', least(ivig.date, rituximab.date), NULL) AS time_zero_date,
    CASE
        WHEN status = 'prior exposure' THEN prior.record
        WHEN status = 'intent unclear' THEN unclear.record
        WHEN status = 'both on one day' OR (status = 'assigned' AND first_agent = 'ivig') THEN ivig.record
        WHEN status = 'assigned' THEN rituximab.record
    END AS record
FROM judged
ORDER BY person_id
