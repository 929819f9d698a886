-- id: infusion.ivig_cycle_unusual
-- severity: query
-- kind: plausibility
-- columns: dose, dose_unit, date
-- message: {total} g/kg of immunoglobulin in the cycle {start} to {finish} ({days} infusion days); usual are 0.1
--   to 2.2.
-- meaning: More than 2.2 or less than 0.1 g/kg of immunoglobulin in one cycle, by the infusion's weight or the
--   nearest one within 180 days.
-- advice: Confirm doses, units and weight; infusion days less than 7 days apart count as one cycle.
-- source: limits of this project
WITH {ivig_cycle infusion=infusion gap_days=7},

total AS (
    SELECT min(line) AS line, round(sum(g_kg), 3) AS total, min(date) AS start, max(date) AS finish, count(*) AS days
    FROM cycle
    GROUP BY patient_id, number
    HAVING count(*) = count(g_kg)
)
SELECT line, total > 2.2 AND total <= 4 OR total < 0.1 AS wrong, total, start, finish, days
FROM total
