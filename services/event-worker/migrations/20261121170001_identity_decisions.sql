-- What a person has decided. Those who are the same become one by the worker,
-- under its locks, and their review goes; of those who are not it stays, so that
-- the question is not asked again.
ALTER TABLE identity_reviews
    ADD COLUMN decision   text CHECK (decision IN ('same', 'different')),
    ADD COLUMN decided_at timestamptz;
CREATE INDEX identity_reviews_decided ON identity_reviews (decided_at) WHERE decision = 'same';

-- The questions, as `glasshouse reviews` shows them: what is known of both.
CREATE VIEW identity_questions AS
SELECT review.customer_id, review.candidate_id, review.reason, review.message_id,
       review.created_at, review.decision,
       ARRAY(SELECT kind || ':' || handle FROM customer_handles
             WHERE customer_id = asked.id ORDER BY 1) AS customer_handles,
       ARRAY(SELECT kind || ':' || handle FROM customer_handles
             WHERE customer_id = candidate.id ORDER BY 1) AS candidate_handles,
       ARRAY(SELECT number FROM tickets
             WHERE customer_id = asked.id ORDER BY 1) AS customer_tickets,
       ARRAY(SELECT number FROM tickets
             WHERE customer_id = candidate.id ORDER BY 1) AS candidate_tickets
FROM identity_reviews AS review
CROSS JOIN LATERAL (SELECT coalesce(merged_into, id) AS id FROM customers
                    WHERE id = review.customer_id) AS asked
CROSS JOIN LATERAL (SELECT coalesce(merged_into, id) AS id FROM customers
                    WHERE id = review.candidate_id) AS candidate
-- Others may have become one meanwhile.
WHERE asked.id <> candidate.id;

-- Answers a question that is open: false if there is none.
CREATE FUNCTION identity_decide(customer uuid, candidate uuid, verdict text) RETURNS boolean
LANGUAGE sql AS $$
    WITH decided AS (
        UPDATE identity_reviews SET decision = verdict, decided_at = now()
        WHERE customer_id = customer AND candidate_id = candidate AND decision IS NULL
        RETURNING true
    )
    SELECT EXISTS (SELECT FROM decided)
$$;
