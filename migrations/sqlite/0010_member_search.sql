-- Nothing: SQLite has had what is searched apart from the members' rows since 0006.
SELECT 1;
