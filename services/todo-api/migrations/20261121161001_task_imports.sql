-- Who was imported, by the id it has elsewhere: a file that is imported twice
-- makes its tasks once. Whose task is deleted may be imported again.
CREATE TABLE task_imports (
    user_id uuid NOT NULL,
    uid     text NOT NULL CHECK (octet_length(uid) BETWEEN 1 AND 255),
    -- Written before the task, in its transaction.
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (user_id, uid)
);

CREATE INDEX task_imports_of_task ON task_imports (task_id);
