-- What checking a submission gives beside its good rows. `line` is the row's own number in its table; `file` and `at`
-- are where it stands in what was sent.
CREATE TABLE quarantine (
    table_name VARCHAR, line BIGINT, file VARCHAR, "at" BIGINT, rules VARCHAR, patient_id VARCHAR, content VARCHAR
);

CREATE TABLE query (
    table_name VARCHAR,
    line BIGINT,
    file VARCHAR,
    "at" BIGINT,
    columns VARCHAR,
    "values" VARCHAR,
    rule VARCHAR,
    message VARCHAR,
    advice VARCHAR,
    patient_id VARCHAR
);

-- Conditions that are met in the table at hand, and the rows on which they are, with the values that they quote: the
-- first `shown` of them stand beside the place, all of them fill the words.
CREATE TABLE condition (
    number INTEGER,
    rule VARCHAR,
    severity VARCHAR,
    columns VARCHAR,
    shown INTEGER,
    message VARCHAR,
    advice VARCHAR
);

CREATE TABLE finding (line BIGINT, number INTEGER, said VARCHAR[]);

-- Where rows of the table at hand stand, if not on that line of the file that is called as the table is.
CREATE TABLE place (line BIGINT, file VARCHAR, "at" BIGINT);
