-- Events that took effect here, written in the transaction of the effect: a
-- second delivery finds its row and changes nothing.
CREATE TABLE inbox (
    event_id       uuid NOT NULL,
    consumer_group text NOT NULL,
    processed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer_group)
);

CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at);
