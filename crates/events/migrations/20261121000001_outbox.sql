-- Events that wait for the broker. A row is written by the statement that
-- changes the state it tells of, and deleted once the broker has it.
CREATE TABLE outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    -- What a relay owns while it sends: all rows of one key are in one shard.
    shard       smallint NOT NULL GENERATED ALWAYS AS ((hashtext(key) & 15)::smallint) STORED,
    topic       text NOT NULL,
    key         text NOT NULL,
    type        text NOT NULL,
    source      text NOT NULL,
    traceparent text,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body        bytea NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    -- Set when the row was set aside: it is not tried again until someone clears it.
    failed_at   timestamptz,
    cause       text
);

CREATE INDEX outbox_waiting ON outbox (shard, seq) WHERE failed_at IS NULL;
CREATE INDEX outbox_set_aside ON outbox (failed_at) WHERE failed_at IS NOT NULL;

-- One row for each shard, there to be locked; and to rest until retry_at after a
-- row of it was not sent, so that the order within it is kept.
CREATE TABLE outbox_shards (
    shard    smallint PRIMARY KEY,
    retry_at timestamptz
);
INSERT INTO outbox_shards (shard) SELECT generate_series(0, 15);

CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_notify AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
