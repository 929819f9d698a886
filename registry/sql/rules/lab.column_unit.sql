-- id: lab.column_unit
-- severity: query
-- kind: conformance
-- whole: yes
-- message: The median of the {values} values of {label} in {sent} is {median}, which would be usual in {other}.
-- meaning: The median of the values of an analyte in one unit is unusual, and would be usual in another.
-- advice: Check the unit of the whole column: convert the values, or write {other} in the unit column.
-- source: limits of this project; choice: at least 10 values
SELECT
    coalesce(NOT usual AND other IS NOT NULL, false) AS wrong, label, sent, median, values, other
FROM (
    SELECT
        *, median * factor BETWEEN soft_low AND soft_high AS usual,
        (
            SELECT first(units.unit ORDER BY units.factor)
            FROM units
            WHERE units.unit = units.name AND units.canonical_unit = of_unit.unit AND units.factor <> of_unit.factor
                AND median * units.factor BETWEEN soft_low AND soft_high
        ) AS other
    FROM (
        SELECT
            limits.label, limits.unit, limits.soft_low, limits.soft_high, units.factor, row.unit AS sent,
            median(row.value_raw) AS median, count(*) AS values
        FROM lab AS row
        JOIN analytes AS limits ON limits.code = row.analyte
        JOIN units ON units.unit = row.unit AND units.canonical_unit = limits.unit
        WHERE row.value_raw IS NOT NULL
        GROUP BY ALL
        HAVING count(*) >= 10
    ) AS of_unit
)
