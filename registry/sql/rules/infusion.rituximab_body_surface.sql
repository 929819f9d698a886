-- id: infusion.rituximab_body_surface
-- severity: query
-- kind: plausibility
-- columns: dose, dose_unit
-- message: {mg_m2} mg/m2 of rituximab by a body surface of {surface} m2 (Mosteller: {kg} kg, {cm} cm); usual are
--   337.5 to 412.5, or 500 or 1000 mg.
-- meaning: Rituximab in mg is neither 375 mg/m2 (within 10 %) by weight and height, nor 500 or 1000 mg.
-- advice: Confirm dose, weight and height.
-- source: limits of this project; Mosteller, N Engl J Med 1987;317:1098
SELECT
    line, dose NOT IN (500, 1000) AND dose / surface NOT BETWEEN 337.5 AND 412.5 AS wrong,
    round(dose / surface, 1) AS mg_m2, round(surface, 2) AS surface, kg, cm
FROM (
    SELECT *, sqrt(cm * kg / 3600) AS surface
    FROM (
        SELECT
            row.line, any_value(row.dose) AS dose,
            coalesce(any_value(row.weight), first(visit.weight ORDER BY abs(row.date - visit.date), visit.date)
                FILTER (visit.weight IS NOT NULL AND abs(row.date - visit.date) <= 180)) AS kg,
            first(visit.height ORDER BY abs(row.date - visit.date), visit.date) FILTER (visit.height IS NOT NULL) AS cm
        FROM infusion AS row
        LEFT JOIN accepted_visit AS visit ON visit.patient_id = row.patient_id
        -- Doses outside these limits are asked about without a body surface.
        WHERE row.agent = 'rituximab' AND row.dose_unit = 'mg' AND row.dose BETWEEN 400 AND 950
        GROUP BY row.line
    )
)
WHERE surface IS NOT NULL
