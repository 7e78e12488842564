-- Nothing: PostgreSQL has had an index of the names of accounts since 0006.
SELECT 1;
