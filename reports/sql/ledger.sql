-- What went out: one row for each report, due date and recipient, with the state in which its delivery stands.
CREATE TABLE IF NOT EXISTS delivery (
    report VARCHAR NOT NULL,
    due_date DATE NOT NULL,
    recipient VARCHAR NOT NULL,
    data_cut DATE NOT NULL,
    state VARCHAR NOT NULL CHECK (state IN ('delivered', 'failed', 'refused', 'unknown')),
    detail VARCHAR NOT NULL,
    snapshot VARCHAR,
    sha256 VARCHAR,
    attempts INTEGER NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    PRIMARY KEY (report, due_date, recipient)
)
