-- A NOTIFY holds a lock of the whole database until its transaction is on disk:
-- with one in every commit, commits that write events go one after the other.
-- So it is sent only while a relay rests. A relay that rests holds this advisory
-- lock alone; a writer takes it, shared, until its commit. Whoever gets it either
-- commits before the relay may rest, and so is seen by its last look; or finds it
-- taken, and rings.
CREATE OR REPLACE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock_shared(122550254464888) THEN
        PERFORM pg_notify('outbox', '');
    END IF;
    RETURN NULL;
END
$$;
