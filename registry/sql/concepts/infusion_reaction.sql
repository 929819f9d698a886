-- Infusion related reactions of CTCAE grade 1 or more, recorded with an infusion or as an adverse event, each once.
-- needs: infusion, event, terms
--
-- An event belongs to the agent that it names, else to the one infused on that day. Where an infusion and an event tell
-- of one reaction (same person, day and agent) the higher grade stands. Hypersensitivity is another term and stays out.

WITH
infused AS (
    SELECT person_id, date, agent, reaction_grade, record
    FROM infusion
    -- of several agents on one day the one with the worst reaction; the name decides between equals
    QUALIFY row_number() OVER (PARTITION BY person_id, date ORDER BY reaction_grade DESC NULLS LAST, agent) = 1
),

reaction AS (
    SELECT person_id, date, agent, reaction_grade AS grade, 1 AS place, record
    FROM infusion
    WHERE reaction_grade >= 1
    UNION ALL
    SELECT event.person_id, event.start_date, coalesce(event.related_agent, infused.agent), event.grade, 2, event.record
    FROM event
    INNER JOIN terms ON event.term = terms.term
    LEFT JOIN infused ON event.person_id = infused.person_id AND event.start_date = infused.date
    WHERE terms.category = 'infusion reaction'
)

SELECT person_id, date, agent, grade, record
FROM reaction
QUALIFY row_number() OVER (PARTITION BY person_id, date, agent ORDER BY grade DESC NULLS LAST, place, record) = 1
ORDER BY person_id, date, agent
