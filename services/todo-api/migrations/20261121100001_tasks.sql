-- Tasks, each with one owner. Every change raises the version by one; it is the
-- ETag, and what keeps two writers from overwriting each other.
CREATE TABLE tasks (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    title        text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description  text CHECK (char_length(description) <= 4000),
    -- 0 low, 1 normal, 2 high, 3 urgent: a number, so that it sorts.
    priority     smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    tags         text[] NOT NULL CHECK (cardinality(tags) <= 20),
    due_at       timestamptz,
    remind_at    timestamptz,
    time_zone    text,
    -- A task is open as long as this is not set.
    completed_at timestamptz,
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);

-- The order of the list, newest first, and its cursor.
CREATE INDEX tasks_by_owner ON tasks (user_id, created_at DESC, id DESC);
