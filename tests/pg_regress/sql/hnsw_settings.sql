-- Proves: the settings have pgvector's names, defaults, ranges and messages, can be set by anyone; so can ours; no other hnsw.* or annex.* can.
\set VERBOSITY default
SET client_min_messages = notice;

-- The first use of the library defines them: before it they are not there, and a role that is no superuser cannot keep one.
CREATE ROLE regress_settings LOGIN;
SELECT current_user AS me \gset
\c - regress_settings
SHOW hnsw.ef_search;
\echo :SQLSTATE
ALTER ROLE regress_settings SET annex.target_recall = 0.95;
\echo :SQLSTATE
SELECT '[1]'::vector;
ALTER ROLE regress_settings SET annex.target_recall = 0.95;
\c - :me
DROP ROLE regress_settings;
SELECT '[1]'::vector;
SELECT name, setting, unit, vartype, context, min_val, max_val, enumvals, boot_val, category
FROM pg_settings WHERE name LIKE 'hnsw.%' ORDER BY name;

SHOW hnsw.ef_search;
SET hnsw.ef_search = 0;
\echo :SQLSTATE
SET hnsw.ef_search = 1001;
\echo :SQLSTATE
SET hnsw.ef_search = 'wide';
\echo :SQLSTATE
SET hnsw.ef_search = 1;
SET hnsw.ef_search = 1000;
SHOW hnsw.ef_search;

SET hnsw.iterative_scan = on;
\echo :SQLSTATE
SET hnsw.iterative_scan = 'Strict_Order';
SHOW hnsw.iterative_scan;
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.iterative_scan = off;
SHOW hnsw.iterative_scan;

SET hnsw.max_scan_tuples = 0;
\echo :SQLSTATE
SET hnsw.max_scan_tuples = 2147483648;
\echo :SQLSTATE
SET hnsw.max_scan_tuples = 2147483647;
SHOW hnsw.max_scan_tuples;

SET hnsw.scan_mem_multiplier = 0.9;
\echo :SQLSTATE
SET hnsw.scan_mem_multiplier = 1001;
\echo :SQLSTATE
SET hnsw.scan_mem_multiplier = 1.5;
SHOW hnsw.scan_mem_multiplier;

-- Our own; those of a build for tests are left out.
SELECT name, setting, unit, vartype, context, min_val, max_val, boot_val
FROM pg_settings WHERE name LIKE 'annex.%' AND name NOT LIKE '%point' ORDER BY name;

-- The prefixes are reserved; that of ivfflat is not.
SET hnsw.unknown = 1;
\echo :SQLSTATE
SET annex.target_recal = 0.95;
\echo :SQLSTATE
SET ivfflat.probes = 10;
SHOW ivfflat.probes;

-- A transaction's value ends with it, a function's with the call.
RESET ALL;
SET client_min_messages = notice;
BEGIN;
SET LOCAL hnsw.ef_search = 77;
SHOW hnsw.ef_search;
COMMIT;
SHOW hnsw.ef_search;
CREATE FUNCTION settings_inside() RETURNS text LANGUAGE sql SET hnsw.ef_search = 99 AS $$ SELECT current_setting('hnsw.ef_search') $$;
SELECT settings_inside(), current_setting('hnsw.ef_search');
DROP FUNCTION settings_inside;

-- A user without any privilege sets them; a role can carry them.
CREATE ROLE regress_hnsw_user;
ALTER ROLE regress_hnsw_user SET hnsw.ef_search = 200;
ALTER ROLE regress_hnsw_user SET hnsw.ef_search = 2000;
\echo :SQLSTATE
SELECT rolconfig FROM pg_roles WHERE rolname = 'regress_hnsw_user';
SET ROLE regress_hnsw_user;
SET hnsw.ef_search = 123;
SET hnsw.iterative_scan = strict_order;
SHOW hnsw.ef_search;
RESET ROLE;
DROP ROLE regress_hnsw_user;

-- ef_search bounds what a scan returns without iteration, and is read when the scan starts.
CREATE TABLE settings_rows (id int, v vector(2));
INSERT INTO settings_rows SELECT i, ARRAY[i, i % 7] FROM generate_series(1, 300) i;
CREATE INDEX ON settings_rows USING hnsw (v vector_l2_ops);
RESET hnsw.iterative_scan;
SET enable_seqscan = off;
SET hnsw.ef_search = 100;
SELECT count(*) >= 100 AS has_100 FROM (SELECT id FROM settings_rows ORDER BY v <-> '[5,5]' LIMIT 100) s;
BEGIN;
DECLARE settings_cursor CURSOR FOR SELECT id FROM settings_rows ORDER BY v <-> '[5,5]';
SET LOCAL hnsw.ef_search = 1000;
MOVE FORWARD ALL IN settings_cursor;
COMMIT;
DROP TABLE settings_rows;

-- Before the library is loaded a value is a placeholder; a bad one is reported at load and dropped.
\c -
\set VERBOSITY default
SET client_min_messages = notice;
SHOW hnsw.ef_search;
\echo :SQLSTATE
SET hnsw.ef_search = 5000;
SET hnsw.iterative_scan = strict_order;
SET hnsw.unknown = 1;
SELECT '[1]'::vector;
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.unknown;
\echo :SQLSTATE
