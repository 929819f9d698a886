-- The glucocorticoid dose on every day on which one is stated, as prednisone: the oral daily dose, and pulses apart.
-- needs: visit, course, infusion, death, agents, rule, data_cut
--
-- A visit states the oral dose of its day and wins over courses. Otherwise the oral dose is the sum over agents of the
-- daily courses in force, with a row on each day on which it is set anew: a start, or the day after a known last day.
-- An agent has one daily dose at a time: where courses of one agent overlap, be it by a day, the one begun last counts
-- while it lasts. A course of unknown stop date is known on its first day only.
-- A pulse is a course or an infusion of at least the minimum, stated on its first day with the dose of one day; less in
-- a course that is not daily, or in an infusion (a premedication), is neither.

WITH
equivalent AS (
    -- mg equal to 5 mg of prednisone; every rule of that name makes one agent convertible
    UNPIVOT (
        SELECT CAST(COLUMNS('mg_equal_to_5_mg_prednisone_(.*)') AS DECIMAL(18, 6)) AS '\1'
        FROM rule
    ) ON COLUMNS(*) INTO NAME agent VALUE equal_mg
    UNION ALL
    VALUES ('prednisone', 5), ('prednisolone', 5)
),

weighed AS (
    SELECT person_id, date, weight
    FROM visit
    WHERE weight IS NOT NULL
),

administered AS (
    SELECT
        person_id, agent, start_date, stop_date, stop_status, dose, dose_unit,
        if(schedule = 'daily', 'daily', 'pulse course') AS source, record
    FROM course
    UNION ALL
    SELECT person_id, agent, date, date, 'stopped', dose, dose_unit, 'infusion', record
    FROM infusion
),

in_mg AS (
    -- a dose per m2 stays without a value: no glucocorticoid is dosed so
    SELECT
        administered.*,
        equivalent.equal_mg,
        CASE administered.dose_unit
            WHEN 'mg' THEN CAST(administered.dose AS DECIMAL(38, 12))
            WHEN 'g' THEN administered.dose * 1000
            WHEN 'mg/kg' THEN administered.dose * weighed.weight
        END AS mg
    FROM administered
    INNER JOIN agents ON administered.agent = agents.agent AND agents.class = 'glucocorticoid'
    INNER JOIN equivalent ON administered.agent = equivalent.agent
    ASOF LEFT JOIN weighed
        ON administered.person_id = weighed.person_id AND administered.start_date >= weighed.date
),

given AS (
    -- DuckDB divides in binary floating point: rounded to six decimals before anything is added, and the limit of a
    -- pulse is compared without a division.
    SELECT
        in_mg.* EXCLUDE (mg, source),
        CAST(5 * in_mg.mg / in_mg.equal_mg AS DECIMAL(18, 6)) AS mg,
        5 * in_mg.mg >= rule.pulse_minimum_mg_prednisone * in_mg.equal_mg AS large,
        -- three days of 1 g are a pulse, however the centre wrote the schedule
        if(in_mg.source = 'daily' AND large, 'pulse course', in_mg.source) AS source
    FROM in_mg
    CROSS JOIN rule
    WHERE in_mg.mg IS NOT NULL
),

daily AS (
    SELECT person_id, agent, start_date, mg, stop_status, record, CASE stop_status
        WHEN 'stopped' THEN stop_date
        WHEN 'still taken' THEN DATE '9999-12-31'
        ELSE start_date
    END AS last_date
    FROM given
    WHERE source = 'daily'
),

begun AS (
    -- beside each course the one that lasts longest of those begun until then: structs compare field by field
    SELECT *, max({'last_date': last_date, 'start_date': start_date, 'mg': mg}) OVER (
        PARTITION BY person_id, agent ORDER BY start_date
    ) AS longest
    FROM daily
),

change AS (
    -- a day can be both: then the course that starts made it, and not the one that ended
    SELECT person_id, agent, date, min({'place': place, 'record': record}) FILTER (WHERE record IS NOT NULL) AS made_by
    FROM (
        SELECT person_id, agent, start_date AS date, 1 AS place, record
        FROM daily
        UNION ALL
        -- after an unknown stop nothing is known, so that no record states the dose of the next day
        SELECT person_id, agent, last_date + 1, 2, if(stop_status = 'stopped', record, NULL)
        FROM daily
        WHERE stop_status <> 'still taken'
    )
    GROUP BY person_id, agent, date
),

of_agent AS (
    SELECT change.*, CASE
        WHEN begun.last_date >= change.date THEN begun.mg
        WHEN begun.longest.last_date >= change.date THEN begun.longest.mg
    END AS mg
    FROM change
    ASOF INNER JOIN begun
        ON change.person_id = begun.person_id AND change.agent = begun.agent AND change.date >= begun.start_date
),

difference AS (
    SELECT
        person_id,
        date,
        -- the end of a course that another had replaced changes nothing
        if(made_by.place = 1 OR mg IS DISTINCT FROM lag(mg) OVER by_date, made_by, NULL) AS made_by,
        coalesce(mg, 0) - coalesce(lag(mg) OVER by_date, 0) AS mg,
        if(mg IS NULL, 0, 1) - if(lag(mg) OVER by_date IS NULL, 0, 1) AS agents
    FROM of_agent
    WINDOW by_date AS (PARTITION BY person_id, agent ORDER BY date)
),

in_force AS (
    SELECT
        person_id,
        date,
        CAST(sum(sum(mg)) OVER until_date AS DECIMAL(18, 6)) AS mg,
        sum(sum(agents)) OVER until_date AS agents,
        min(made_by).record AS record
    FROM difference
    GROUP BY person_id, date
    WINDOW until_date AS (PARTITION BY person_id ORDER BY date)
),

pulse AS (
    -- an infusion is what was given; a pulse course that starts on its day is the same pulse once more
    SELECT
        person_id,
        start_date AS date,
        CAST(coalesce(
            sum(mg) FILTER (WHERE source = 'infusion'),
            sum(mg) FILTER (WHERE source = 'pulse course')
        ) AS DECIMAL(18, 6)) AS mg,
        min({'place': if(source = 'infusion', 1, 2), 'record': record}) AS made_by
    FROM given
    WHERE source <> 'daily' AND large
    GROUP BY person_id, start_date
),

stated AS (
    SELECT person_id, date, prednisone AS oral_mg_day, 'visit' AS origin, 1 AS place, record
    FROM visit
    WHERE prednisone IS NOT NULL
    UNION ALL
    SELECT person_id, date, mg, 'course', 2, record
    FROM in_force
    WHERE record IS NOT NULL
    UNION ALL
    -- beside a pulse stands the oral dose of the courses in force; without any it is not known, and not zero
    SELECT
        pulse.person_id,
        pulse.date,
        if(in_force.agents > 0, in_force.mg, NULL),
        if(pulse.made_by.place = 1, 'infusion', 'course'),
        3,
        pulse.made_by.record
    FROM pulse
    ASOF LEFT JOIN in_force ON pulse.person_id = in_force.person_id AND pulse.date >= in_force.date
),

one_a_day AS (
    SELECT *
    FROM stated
    QUALIFY row_number() OVER (PARTITION BY person_id, date ORDER BY place, record) = 1
)

SELECT
    one_a_day.person_id,
    one_a_day.date,
    one_a_day.oral_mg_day,
    pulse.mg AS pulse_mg,
    one_a_day.origin,
    one_a_day.record
FROM one_a_day
CROSS JOIN data_cut
LEFT JOIN pulse ON one_a_day.person_id = pulse.person_id AND one_a_day.date = pulse.date
LEFT JOIN death ON one_a_day.person_id = death.person_id
-- the day after the last dose can lie after death or after the cut
WHERE one_a_day.date <= least(data_cut.cut, death.death_date)
ORDER BY one_a_day.person_id, one_a_day.date
