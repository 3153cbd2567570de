-- Makes the extension, and what several of the other files call.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE EXTENSION annex;

-- Runs a statement that returns distances, with `query` as its $1, by an index scan and without one: how many rows the index gave,
-- and whether both gave the same distances in the same order. An error, if the planner did otherwise.
CREATE FUNCTION index_agrees(statement text, query anyelement, OUT rows int, OUT same bool) LANGUAGE plpgsql AS $$
DECLARE
    by_index bool;
    line text;
    plan text;
    answer float8[];
    other float8[];
BEGIN
    PERFORM set_config('enable_bitmapscan', 'off', true);
    FOREACH by_index IN ARRAY ARRAY[false, true] LOOP
        other := answer;
        PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_indexscan', by_index::text, true);
        plan := '';
        FOR line IN EXECUTE 'EXPLAIN ' || statement USING query LOOP
            plan := plan || line;
        END LOOP;
        IF (plan LIKE '%Index Scan%') <> by_index THEN
            RAISE 'unexpected plan %', plan;
        END IF;
        EXECUTE 'SELECT array_agg(d) FROM (' || statement || ') s (d)' INTO answer USING query;
    END LOOP;
    rows := cardinality(answer);
    same := answer = other;
END $$;
