-- Every question of the table at hand, with its words: {0}, {1}, ... are the values, in their order.
INSERT INTO query
SELECT
    $table_name,
    line,
    coalesce(file, $file),
    coalesce("at", line),
    columns,
    array_to_string(list_transform(said[:shown], lambda one: coalesce(one, '')), ', '),
    rule,
    list_reduce(
        list_transform(said, lambda one: coalesce(one, '')),
        lambda words, one, place: replace(words, '{' || (place - 1) || '}', one),
        message
    ),
    list_reduce(
        list_transform(said, lambda one: coalesce(one, '')),
        lambda words, one, place: replace(words, '{' || (place - 1) || '}', one),
        advice
    ),
    patient_id
FROM finding
JOIN condition USING (number)
LEFT JOIN place USING (line)
LEFT JOIN person USING (line)
WHERE severity = 'query'
