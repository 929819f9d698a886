-- id: event.reaction_without_infusion
-- severity: query
-- kind: plausibility
-- columns: term, start_date
-- message: An infusion related reaction without an infusion on that day or the day before.
-- advice: Add the infusion, or correct term or date.
-- source: CTCAE v5: within 24 hours of the infusion; choice
SELECT row.line, count(infusion.line) = 0 AS wrong
FROM event AS row
LEFT JOIN accepted_infusion AS infusion
    ON infusion.patient_id = row.patient_id AND row.start_date - infusion.date BETWEEN 0 AND 1
WHERE row.term = 'Infusion related reaction' AND row.start_date IS NOT NULL
GROUP BY row.line
