-- Proves: the distances of bit strings are those of their single bits at every length, and what they refuse.
\set VERBOSITY default
SET client_min_messages = notice;

SELECT hamming_distance(B'111', B'111'), hamming_distance(B'111', B'110'), B'111' <~> B'000', B'101' <~> B'010', hamming_distance(B'', B'');
SELECT jaccard_distance(B'1111', B'1111'), jaccard_distance(B'1111', B'1110'), B'1100' <%> B'0011', B'1100' <%> B'1000', jaccard_distance(B'', B''), B'0000' <%> B'0000';
SELECT '101'::varbit <~> '010'::varbit AS varbit, '101' <~> B'010' AS literal, hamming_distance('101', '011') AS literals, pg_typeof(B'1' <~> B'0'), pg_typeof(B'1' <%> B'0');

-- Every length around the words and vectors that are counted at once, against bits that are looked at one by one.
CREATE FUNCTION pg_temp.bits(len integer, step integer) RETURNS varbit LANGUAGE sql AS $$
    SELECT coalesce(string_agg(CASE WHEN i * step % 7 < 3 THEN '1' ELSE '0' END, '' ORDER BY i), '')::varbit FROM generate_series(1, len) i
$$;
CREATE FUNCTION pg_temp.ones(bits varbit) RETURNS integer LANGUAGE sql AS $$ SELECT length(replace(bits::text, '0', '')) $$;
SELECT count(*) AS lengths, count(*) FILTER (WHERE a <~> b <> pg_temp.ones(a # b)) AS hamming_differs,
    count(*) FILTER (WHERE (a <%> b) <> CASE WHEN pg_temp.ones(a & b) = 0 THEN 1 ELSE 1 - pg_temp.ones(a & b)::float8 / pg_temp.ones(a | b) END) AS jaccard_differs
FROM (SELECT pg_temp.bits(len, 3) AS a, pg_temp.bits(len, 5) AS b FROM (SELECT generate_series(0, 70) UNION SELECT generate_series(120, 136) UNION SELECT generate_series(250, 262)
    UNION SELECT generate_series(505, 520) UNION SELECT generate_series(1020, 1030) UNION SELECT 1536 UNION SELECT 64000) l(len)) s;
-- Through TOAST too.
CREATE TABLE long (b bit(80000));
INSERT INTO long SELECT ('x' || string_agg(md5(i::text), '' ORDER BY i))::bit(80000) FROM generate_series(1, 625) i;
SELECT b <~> b AS same, b <~> ~b AS opposite, b <%> b AS equal, b <%> ~b AS nothing_common FROM long;
DROP TABLE long;

-- Different lengths.
SELECT B'111' <~> B'00';
SELECT B'111' <%> B'00';
SELECT hamming_distance(B'', B'1');
SELECT jaccard_distance('1'::varbit, B'10');
-- The error's state; other types have no such distance.
\set VERBOSITY sqlstate
SELECT B'111' <~> B'00';
SELECT B'111' <%> B'00';
SELECT '[1]'::vector <~> '[1]'::vector;
SELECT 1 <~> 2;
\set VERBOSITY default

-- Quantized vectors.
SELECT binary_quantize('[1,0,-1]'::vector) <~> B'011', binary_quantize('[1,2,-1]'::vector) <%> binary_quantize('[1,0,-1]'::vector);

-- NULL in, NULL out.
SELECT B'1' <~> NULL, NULL::bit <%> B'1', hamming_distance(NULL, B'1'), jaccard_distance(B'1', NULL);

-- A damaged stored value, made by a cast that changes nothing, is refused.
CREATE CAST (bytea AS varbit) WITHOUT FUNCTION;
SELECT '\x05000000f8'::bytea::varbit <~> B'11111' AS sound;
SELECT '\x05000000'::bytea::varbit <~> B'11111';
SELECT B'11111' <%> '\x05000000ffff'::bytea::varbit;
SELECT '\xffffffffff'::bytea::varbit <~> '\xffffffffff'::bytea::varbit;
SELECT ''::bytea::varbit <~> ''::bytea::varbit;
DROP CAST (bytea AS varbit);

-- Functions and operators are what the planner and parallel workers expect.
SELECT p.oid::regprocedure, prorettype::regtype, provolatile, proisstrict, proparallel, procost, proargnames FROM pg_proc p WHERE proname IN ('hamming_distance', 'jaccard_distance') ORDER BY proname;
SELECT o.oid::regoperator, oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash FROM pg_operator o WHERE oprname IN ('<~>', '<%>') ORDER BY oprname COLLATE "C";
