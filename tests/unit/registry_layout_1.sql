-- What the registry keeps beside the eight tables of the contract: who sent what, and what came of each row.
CREATE TABLE IF NOT EXISTS submission (
    submission_id VARCHAR PRIMARY KEY,  -- '<centre>-<date>-<sequence>'
    centre VARCHAR NOT NULL,
    date DATE NOT NULL,                 -- the state of the cohort on this date
    sequence INTEGER NOT NULL,          -- 1 for the first submission of a centre and date, then 2, 3, ...
    sha256 VARCHAR NOT NULL,            -- of all files' bytes
    contract VARCHAR NOT NULL,
    sender VARCHAR,
    received_at TIMESTAMP NOT NULL,     -- UTC; never part of a snapshot
    accepted BIGINT NOT NULL,           -- rows of all tables
    quarantined BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    UNIQUE (centre, date, sequence)
);

-- One row a row that was not taken in.
CREATE TABLE IF NOT EXISTS quarantine (
    submission_id VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    rules VARCHAR NOT NULL,             -- every rule that the row broke, in alphabetical order, separated by a comma
    content JSON NOT NULL               -- the row as it was sent
);

-- One row a question to the centre about a row (or, without a line, a file) that was taken in.
CREATE TABLE IF NOT EXISTS query (
    submission_id VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    line BIGINT,
    columns VARCHAR NOT NULL,
    "values" VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    advice VARCHAR NOT NULL
);
