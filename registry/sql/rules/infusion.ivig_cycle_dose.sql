-- id: infusion.ivig_cycle_dose
-- severity: reject
-- kind: plausibility
-- columns: dose, dose_unit, date
-- message: {total} g/kg of immunoglobulin in one cycle, {start} to {finish}; more than 4 is not given.
-- meaning: More than 4 g/kg of immunoglobulin in one cycle, by the infusion's weight or the nearest one within 180
--   days.
-- advice: Check doses, units and weight; infusion days less than 7 days apart count as one cycle.
-- source: limits of this project
WITH {ivig_cycle infusion=infusion gap_days=7},

total AS (
    SELECT patient_id, number, round(sum(g_kg), 3) AS total, min(date) AS start, max(date) AS finish
    FROM cycle
    GROUP BY patient_id, number
    -- A single day above 4 g/kg is told as such; without every day's dose the sum is not known.
    HAVING NOT bool_or(coalesce(told, false)) AND count(*) = count(g_kg)
)
SELECT line, total > 4 AS wrong, total, start, finish
FROM cycle JOIN total USING (patient_id, number)
