-- Nothing: PostgreSQL asks its table of what is searched, which knows who has left.
SELECT 1;
