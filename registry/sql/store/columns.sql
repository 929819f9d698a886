-- The columns of every table that is there, to compare them with the contract's.
SELECT table_name, column_name, data_type
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index
