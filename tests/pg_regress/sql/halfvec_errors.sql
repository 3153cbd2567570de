-- Proves: every error of halfvec has its SQLSTATE, its text, and a DETAIL or HINT where that helps.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE FUNCTION pg_temp.error_of(expression text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || expression;
    message := 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

-- Text input.
SELECT literal, e.* FROM unnest(ARRAY['', ' ', '1,2', '{1,2}', '[', '[ ', '[]', '[ ]', '[,', '[,]', '[1,]', '[1,,2]', '[1, ,3]', '[1', '[1,', '[1 2]', '[1,2', '[1,2]x', '[1,2]9', '[1,2]]',
    '[hello]', '[1a]', '[1e]', '[0xg]', '[1.2.3]', '[--1]', '[.]', '[ä]',
    '[nan]', '[1,NaN,2]', '[inf]', '[1,-Infinity]',
    '[65520]', '[1, -65520 ,2]', '[0x1p16]', '[1e5,7]', '[4e38]', '[1,-4e38]', '[1e999999999999]']) literal,
    pg_temp.error_of(quote_literal(literal) || '::halfvec') e;
SELECT e.* FROM pg_temp.error_of('(''['' || repeat(''1,'', 16000) || ''1]'')::halfvec') e;
SELECT e.* FROM pg_temp.error_of('(''['' || repeat(''1,'', 15999) || ''65520]'')::halfvec') e;

-- Everything else.
SELECT expression, e.* FROM unnest(ARRAY[
    $$ '[1]'::halfvec(0) $$, $$ '[1]'::halfvec(16001) $$, $$ '[1]'::halfvec(1,2) $$, $$ '[1]'::halfvec('x') $$, $$ '[1]'::halfvec(2) $$, $$ '[1]'::halfvec::halfvec(2) $$,
    $$ '[1,2]'::halfvec <-> '[1]' $$, $$ '[1,2]'::halfvec <#> '[1]' $$, $$ '[1,2]'::halfvec <=> '[1]' $$, $$ '[1,2]'::halfvec <+> '[1]' $$,
    $$ halfvec_l2_squared_distance('[1,2]', '[1]') $$, $$ inner_product('[1,2]'::halfvec, '[1]') $$, $$ halfvec_spherical_distance('[1,2]', '[1]') $$,
    $$ '[1,2]'::vector <-> '[1]'::halfvec $$,
    $$ '[1,2]'::halfvec + '[1]' $$, $$ '[1,2]'::halfvec - '[1]' $$, $$ '[1,2]'::halfvec * '[1]' $$,
    $$ '[1,65504]'::halfvec + '[1,16]' $$, $$ '[-65504]'::halfvec - '[65504]' $$, $$ '[1,2,300]'::halfvec * '[1,2,300]' $$, $$ '[1e-4]'::halfvec * '[1e-4]' $$,
    $$ array_fill(1, ARRAY[9000])::halfvec || array_fill(1, ARRAY[7001])::halfvec $$,
    $$ subvector('[1,2]'::halfvec, 3, 1) $$, $$ subvector('[1,2]'::halfvec, 1, 0) $$,
    $$ '{}'::real[]::halfvec $$, $$ '{{1},{2}}'::real[]::halfvec $$, $$ '{1,NULL}'::real[]::halfvec $$, $$ '{1,NaN}'::real[]::halfvec $$, $$ '{Infinity}'::float8[]::halfvec $$,
    $$ '{65520}'::real[]::halfvec $$, $$ '{1,-65520}'::integer[]::halfvec $$, $$ '{1e6}'::float8[]::halfvec $$, $$ '{65519.9999}'::numeric[]::halfvec $$, $$ '{4e38}'::float8[]::halfvec $$, $$ '{4e38}'::numeric[]::halfvec $$,
    $$ array_fill(1, ARRAY[16001])::halfvec $$, $$ array_to_halfvec('{1,2}'::real[], 3, true) $$,
    $$ '[1,65520]'::vector::halfvec $$, $$ '[-3e38]'::vector::halfvec $$, $$ '[1]'::vector::halfvec(2) $$, $$ '[1]'::halfvec::vector(2) $$,
    $$ halfvec_accum('{1,2}', '[1,2]') $$, $$ halfvec_accum('{}', '[1]') $$, $$ halfvec_combine('{1,2}', '{1,2,3}') $$, $$ halfvec_combine('{}', '{0}') $$,
    $$ halfvec_avg('{}') $$, $$ halfvec_avg('{1}') $$, $$ halfvec_avg('{1,65520}') $$, $$ halfvec_avg('{1,1e300}') $$, $$ halfvec_avg('{1,NaN}') $$
]) expression, pg_temp.error_of(expression) e;

-- What a statement shows: the literal's place, the DETAIL, the HINT.
SELECT '[1,2,x]'::halfvec;
SELECT '[1,65520]'::halfvec(2);
-- The length is checked by a cast behind the literal: no place is shown.
SELECT '[1,2,3]'::halfvec(2);

-- No prefix of a literal is a literal, nor is a literal with one byte changed to a letter; each error names the type.
SELECT state, message ~ 'halfvec' AS names_the_type, count(*)
FROM (SELECT '[1.5,-2e-3, .25,0x1F]'::text AS literal) l, generate_series(0, length(literal) - 1) cut,
    pg_temp.error_of(quote_literal(left(literal, cut)) || '::halfvec') e GROUP BY 1, 2 ORDER BY 1, 2;
SELECT state, message ~ 'halfvec' AS names_the_type, count(*)
FROM (SELECT '[1.5,-2e-3, .25,0x1F]'::text AS literal) l, generate_series(1, length(literal)) place,
    pg_temp.error_of(quote_literal(overlay(literal PLACING 'z' FROM place FOR 1)) || '::halfvec') e GROUP BY 1, 2 ORDER BY 1, 2;

-- Soft errors, where PostgreSQL has them (16 and later): nothing is raised, and valid input is told from invalid.
SELECT current_setting('server_version_num')::integer >= 160000 AS has_soft_errors \gset
\set told_wrongly 0
\set message '"65520" is out of range for type halfvec'
\if :has_soft_errors
SELECT count(*) AS told_wrongly FROM (VALUES ('[1,2]', true), ('[1,x]', false), ('[1,nan]', false), ('[1,65520]', false), ('[]', false), ('[1]', false)) t(literal, is_valid)
WHERE pg_input_is_valid(literal, 'halfvec(2)') <> is_valid \gset
SELECT message FROM pg_input_error_info('[1,65520]', 'halfvec') \gset
\endif
\echo :told_wrongly :message

-- Not by a class of another type, nor without naming one.
CREATE TABLE unindexed (v halfvec(3), s sparsevec(3));
CREATE INDEX ON unindexed USING hnsw (v);
CREATE INDEX ON unindexed USING hnsw (v vector_l2_ops);
-- The one distance that goes by the same name for each type is told apart.
CREATE OPERATOR CLASS own_l1 FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY float_ops, FUNCTION 1 l1_distance(sparsevec, sparsevec);
CREATE INDEX unindexed_s ON unindexed USING hnsw (s own_l1);
SELECT * FROM annex.verify('unindexed_s', true);
DROP TABLE unindexed;
DROP OPERATOR FAMILY own_l1 USING hnsw;
