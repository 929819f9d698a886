-- Range of each muscle enzyme in the total improvement score, in multiples of the upper limit of normal, and its place
-- when two are equally abnormal.
-- needs: rule

SELECT
    unnest(['CK', 'aldolase', 'LDH', 'AST', 'ALT']) AS enzyme,
    unnest([1, 2, 3, 4, 5]) AS place,
    CAST(
        unnest([
            tis_enzyme_range_ck, tis_enzyme_range_aldolase, tis_enzyme_range_ldh,
            tis_enzyme_range_ast, tis_enzyme_range_alt
        ]) AS DECIMAL(18, 6)
    ) AS range_multiple
FROM rule
ORDER BY place
