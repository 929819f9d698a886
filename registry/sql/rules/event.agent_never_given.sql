-- id: event.agent_never_given
-- severity: query
-- kind: plausibility
-- columns: related_agent
-- message: Neither course.csv nor infusion.csv says that this person was given {agent} before the event.
-- meaning: An event is related to an agent that the person was not given before it.
-- advice: Add the course, or correct related_agent.
-- source: limits of this project: an event follows its cause
SELECT
    row.line, min(given.date) IS NULL OR min(given.date) > any_value(row.start_date) AS wrong,
    any_value(row.related_agent) AS agent
FROM event AS row
LEFT JOIN (
    SELECT patient_id, agent, start_date AS date FROM accepted_course
    UNION ALL
    SELECT patient_id, agent, date FROM accepted_infusion
) AS given ON given.patient_id = row.patient_id AND given.agent = row.related_agent
WHERE row.related_agent IS NOT NULL AND row.related_agent <> 'other' AND row.start_date IS NOT NULL
GROUP BY row.line
