-- Nothing: PostgreSQL's index has roles as they are.
SELECT 1;
