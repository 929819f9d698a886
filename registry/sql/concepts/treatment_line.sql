-- Lines of treatment: courses and infusions of one agent that follow each other without a long pause, at any dose.
-- needs: course, infusion, ivig_intent, agents, rule, data_cut
--
-- Immunoglobulin has lines of its own for each intent, so that replacement is never mistaken for treatment of myositis.
-- Joined are pauses up to the limit of the agent: that of rituximab, and for every other agent that of immunoglobulin.
-- A line ends with its last course or infusion, and the reason is that of its last course. It has no stop date while a
-- course goes on, or when its last course has an unknown one. A line of infusions alone goes on until the pause is too
-- long.

WITH
listed AS (
    SELECT
        agents.agent,
        agents.class,
        if(agents.class = 'rituximab', rule.line_gap_days_rituximab, rule.line_gap_days_ivig) AS longest_pause
    FROM agents
    CROSS JOIN rule
    WHERE agents.class IN ('ivig', 'rituximab', 'other advanced', 'immunosuppressant')
),

ivig_infusion AS (
    -- an infusion belongs to the course or run that started last
    SELECT infusion.person_id, infusion.agent, ivig_intent.intent, infusion.date, infusion.record
    FROM infusion
    ASOF INNER JOIN ivig_intent
        ON infusion.person_id = ivig_intent.person_id AND infusion.date >= ivig_intent.start_date
    WHERE infusion.agent = 'ivig'
),

part AS (
    SELECT
        course.person_id,
        course.agent,
        ivig_intent.intent,
        'course' AS source,
        course.start_date,
        -- the last day on which it is known to be given
        CASE course.stop_status
            WHEN 'stopped' THEN course.stop_date
            WHEN 'still taken' THEN DATE '9999-12-31'
            ELSE course.start_date
        END AS last_date,
        course.stop_status,
        course.stop_reason,
        course.record
    FROM course
    LEFT JOIN ivig_intent ON course.person_id = ivig_intent.person_id AND course.record = ivig_intent.record
    UNION ALL
    SELECT person_id, agent, NULL, 'infusion', date, date, NULL, NULL, record
    FROM infusion
    WHERE agent <> 'ivig'
    UNION ALL
    SELECT person_id, agent, intent, 'infusion', date, date, NULL, NULL, record
    FROM ivig_infusion
),

followed AS (
    SELECT
        part.*,
        listed.class,
        listed.longest_pause,
        part.start_date - max(part.last_date) OVER (
            PARTITION BY part.person_id, part.agent, part.intent ORDER BY part.start_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS pause
    FROM part
    INNER JOIN listed ON part.agent = listed.agent
),

numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE pause > longest_pause) OVER (
            PARTITION BY person_id, agent, intent ORDER BY start_date
        ) AS run
    FROM followed
),

line AS (
    SELECT
        person_id,
        agent,
        class,
        intent,
        longest_pause,
        min(start_date) AS start_date,
        max(last_date) AS last_date,
        -- an agent has one infusion row a day: that is the key of the table
        count(*) FILTER (WHERE source = 'infusion') AS doses,
        min({'date': start_date, 'source': source, 'record': record}).record AS record,
        -- structs compare field by field: the course that lasts longest, of these the one that started last
        max({
            'last_date': last_date, 'start_date': start_date, 'record': record,
            'stop_status': stop_status, 'stop_reason': stop_reason
        }) FILTER (WHERE source = 'course') AS last_course
    FROM numbered
    GROUP BY person_id, agent, class, intent, longest_pause, run
),

ended AS (
    SELECT
        line.*,
        coalesce(
            line.last_course.stop_status,
            if(data_cut.cut - line.last_date > line.longest_pause, 'stopped', 'still taken')
        ) AS stop_status
    FROM line
    CROSS JOIN data_cut
)

SELECT
    person_id,
    CAST(row_number() OVER (PARTITION BY person_id ORDER BY start_date, agent, intent) AS INTEGER) AS line,
    agent,
    class,
    intent,
    start_date,
    if(stop_status = 'stopped', last_date, NULL) AS stop_date,
    stop_status,
    last_course.stop_reason AS stop_reason,
    CAST(doses AS INTEGER) AS doses,
    record
FROM ended
ORDER BY person_id, line
