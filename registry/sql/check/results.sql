-- What checking a submission gives beside its good rows; the columns are those of the tables in registry.duckdb.
CREATE TABLE quarantine (table_name VARCHAR, line BIGINT, rules VARCHAR, content VARCHAR);

CREATE TABLE query (
    file VARCHAR, line BIGINT, columns VARCHAR, "values" VARCHAR, rule VARCHAR, message VARCHAR, advice VARCHAR
);

-- Conditions of the table at hand, and the rows on which they are met.
CREATE TABLE condition (number INTEGER, rule VARCHAR, severity VARCHAR);

CREATE TABLE finding (line BIGINT, number INTEGER);
