-- The first rows that meet each condition, with their places.
SELECT number, coalesce(file, $file) AS file, coalesce("at", line) AS "at", said
FROM finding LEFT JOIN place USING (line)
QUALIFY row_number() OVER (PARTITION BY number ORDER BY line) <= $shown
ORDER BY number, line
