-- What is searched: title before tags before description, as plain words in any
-- language. Punctuation separates words here as in a query, so that "e-mail" and
-- "example.com" are found by each of their parts.
CREATE FUNCTION task_words(written text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector('pg_catalog.simple',
        translate(written, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)));
END
$$;

-- array_to_string is only stable, as some types have texts that depend on
-- settings; text has not.
CREATE FUNCTION task_tag_words(tags text[]) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN task_words(array_to_string(tags, ' '));
END
$$;

ALTER TABLE tasks ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(task_words(title), 'A')
    || setweight(task_tag_words(tags), 'B')
    || setweight(coalesce(task_words(description), ''), 'C')
) STORED;

CREATE INDEX tasks_by_word ON tasks USING gin (search);

-- The order by due date, and what is due in a range. The other orders sort what
-- the owner has: an index on what every change touches would cost every change.
CREATE INDEX tasks_by_due ON tasks (user_id, due_at, id);
