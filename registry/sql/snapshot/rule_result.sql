-- What the rules found in the submissions in force. Rules on one centre beside the others are left out: what they find
-- depends on who had sent before, and a snapshot does not.
SELECT s.centre, r.submission_id, r.rule, r.table_name, r.kind, r.severity, r.tested, r.failed
FROM rule_result AS r
JOIN ({in_force}) AS s USING (submission_id)
WHERE NOT list_contains($between, r.rule)
