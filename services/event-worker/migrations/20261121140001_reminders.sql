-- What is known of each task: one row a task, whether it has a reminder or not,
-- so that an event that comes late (redriven, say) is known to be old.
CREATE TABLE reminders (
    task_id      uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    title        text NOT NULL,
    remind_at    timestamptz,
    status       text NOT NULL CHECK (status IN ('none', 'scheduled', 'fired', 'cancelled', 'failed')),
    task_version bigint NOT NULL,
    -- The span that scheduled it: firing continues its trace.
    traceparent  text,
    fired_at     timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (status <> 'scheduled' OR remind_at IS NOT NULL)
);

CREATE INDEX reminders_due ON reminders (remind_at) WHERE status = 'scheduled';
CREATE INDEX reminders_settled ON reminders (updated_at) WHERE status <> 'scheduled';

CREATE FUNCTION reminders_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('reminders', '');
    RETURN NULL;
END
$$;

-- A scheduler that sleeps until the next reminder must learn of an earlier one.
CREATE TRIGGER reminders_notify AFTER INSERT OR UPDATE ON reminders
    FOR EACH ROW WHEN (NEW.status = 'scheduled') EXECUTE FUNCTION reminders_notify();
