-- Nothing: PostgreSQL keeps the payload of a batch apart from its counts.
SELECT 1;
