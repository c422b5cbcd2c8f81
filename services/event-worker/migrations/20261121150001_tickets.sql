-- Who writes to us. A customer that turned out to be another one stays as a
-- pointer to it, so that whoever kept its id finds the way.
CREATE TABLE customers (
    id           uuid PRIMARY KEY,
    merged_into  uuid REFERENCES customers ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX customers_merged ON customers (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX customers_seen ON customers (last_seen_at);

-- By what a customer is known, in normal form: a handle belongs to one customer.
CREATE TABLE customer_handles (
    kind        text NOT NULL CHECK (kind IN ('web', 'email', 'phone')),
    handle      text NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, handle)
);
CREATE INDEX customer_handles_customer ON customer_handles (customer_id);

-- What a person has to decide: two customers who may be one.
CREATE TABLE identity_reviews (
    customer_id  uuid NOT NULL REFERENCES customers ON DELETE CASCADE,
    candidate_id uuid NOT NULL REFERENCES customers ON DELETE CASCADE,
    reason       text NOT NULL CHECK (reason IN ('unverified', 'too_many_handles')),
    message_id   uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, candidate_id)
);
CREATE INDEX identity_reviews_candidate ON identity_reviews (candidate_id);

CREATE TABLE tickets (
    id              uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    customer_id     uuid NOT NULL REFERENCES customers,
    channel         text NOT NULL CHECK (channel IN ('web', 'email', 'whatsapp', 'sms')),
    priority        text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'merged')),
    -- The ticket that took its messages over.
    merged_into     uuid REFERENCES tickets ON DELETE SET NULL,
    last_message_at timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
-- A customer has one conversation at a time.
CREATE UNIQUE INDEX tickets_open ON tickets (customer_id) WHERE status = 'open';
CREATE INDEX tickets_customer ON tickets (customer_id);
CREATE INDEX tickets_merged ON tickets (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX tickets_silent ON tickets (last_message_at) WHERE status = 'open';
CREATE INDEX tickets_over ON tickets (updated_at) WHERE status <> 'open';

CREATE TABLE ticket_messages (
    id          uuid PRIMARY KEY,
    ticket_id   uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
    channel     text NOT NULL CHECK (channel IN ('web', 'email', 'whatsapp', 'sms')),
    subject     text,
    body        text NOT NULL,
    received_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ticket_messages_ticket ON ticket_messages (ticket_id);

-- Locks names until the end of the transaction. A transaction waits for the locks
-- of its first message only, and takes them in one order; for those of later ones
-- it does not wait, but is told false: so no two ever wait for each other.
-- `last` says that these are the last locks of a message.
CREATE FUNCTION identity_lock(names text[], last boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    waits constant boolean := coalesce(current_setting('identity.locked', true), '') = '';
    lock  bigint;
BEGIN
    FOR lock IN SELECT DISTINCT hashtextextended(name, 0) FROM unnest(names) AS name ORDER BY 1 LOOP
        IF waits THEN
            PERFORM pg_advisory_xact_lock(lock);
        ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
            RETURN false;
        END IF;
    END LOOP;
    IF last THEN
        PERFORM set_config('identity.locked', 'yes', true);
    END IF;
    RETURN true;
END
$$;
