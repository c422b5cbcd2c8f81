-- Answers to requests that carried an Idempotency-Key. A row is written by the
-- transaction that does what the request asked for: there is a key if, and only
-- if, it was done.
CREATE TABLE idempotency_keys (
    user_id     uuid NOT NULL,
    -- Method and route.
    operation   text NOT NULL,
    key         text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of what was asked for.
    fingerprint bytea NOT NULL,
    status      smallint NOT NULL,
    headers     jsonb NOT NULL,
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, operation, key)
);

-- What the cleaning looks for.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
