-- Proves: every error of vector has its SQLSTATE, its text, and a DETAIL or HINT where that helps.
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
SELECT literal, e.* FROM unnest(ARRAY['', ' ', '1,2', '{1,2}', '[', '[]', '[ ]', '[,]', '[1,]', '[1,,2]', '[1', '[1,', '[1 2]', '[1,2', '[1,2]x', '[1,2],[3]', '[1,2]]',
    '[hello]', '[1,two]', '[1e]', '[1e+]', '[0x]', '[0xg]', '[1.2.3]', '[--1]', '[+]', '[.]', '[1_000]', '[1;2]', '[''1'']', '[ä]',
    '[nan]', '[1,NaN,2]', '[-nan]', '[nan(1)]', '[inf]', '[1,-Infinity]', '[infinit]', '[4e38]', '[1,-4e38]', '[1e999999999999]', '[0x1p128]']) literal,
    pg_temp.error_of(quote_literal(literal) || '::vector') e;
SELECT e.* FROM pg_temp.error_of('(''['' || repeat(''1,'', 16000) || ''1]'')::vector') e;
SELECT e.* FROM pg_temp.error_of('(''['' || repeat(''1,'', 16000) || ''x'')::vector') e;

-- Everything else.
SELECT expression, e.* FROM unnest(ARRAY[
    $$ '[1]'::vector(0) $$, $$ '[1]'::vector(16001) $$, $$ '[1]'::vector(1,2) $$, $$ '[1]'::vector('x') $$, $$ '[1]'::vector(2) $$, $$ '[1]'::vector::vector(2) $$,
    $$ '[1,2]'::vector <-> '[1]' $$, $$ '[1,2]'::vector <#> '[1]' $$, $$ '[1,2]'::vector <=> '[1]' $$, $$ '[1,2]'::vector <+> '[1]' $$,
    $$ vector_l2_squared_distance('[1,2]', '[1]') $$, $$ inner_product('[1,2]'::vector, '[1]') $$, $$ vector_spherical_distance('[1,2]', '[1]') $$,
    $$ '[1,2]'::vector + '[1]' $$, $$ '[1,2]'::vector - '[1]' $$, $$ '[1,2]'::vector * '[1]' $$,
    $$ '[1,3e38]'::vector + '[1,3e38]' $$, $$ '[-3e38]'::vector - '[3e38]' $$, $$ '[1,2,1e30]'::vector * '[1,2,1e30]' $$, $$ '[1e-30]'::vector * '[1e-30]' $$,
    $$ array_fill(1, ARRAY[9000])::vector || array_fill(1, ARRAY[7001])::vector $$,
    $$ subvector('[1,2]'::vector, 3, 1) $$, $$ subvector('[1,2]'::vector, 1, 0) $$,
    $$ '{}'::real[]::vector $$, $$ '{{1},{2}}'::real[]::vector $$, $$ '{1,NULL}'::real[]::vector $$, $$ '{1,NaN}'::real[]::vector $$, $$ '{Infinity}'::float8[]::vector $$,
    $$ '{1e39}'::numeric[]::vector $$, $$ array_fill(1, ARRAY[16001])::vector $$, $$ '{1,2}'::integer[]::vector(3) $$,
    $$ vector_accum('{}', '[1]') $$, $$ vector_accum('{1,2,3}', '[1]') $$, $$ vector_combine('{1,2}', '{1}') $$, $$ vector_combine('{1,2}', '{}') $$, $$ vector_avg('{}') $$, $$ vector_avg('{1}') $$,
    $$ vector_avg('{1,Infinity}') $$, $$ vector_combine('{1,1e308}', '{1,1e308}') $$,
    $$ B'1' <~> B'11' $$, $$ B'1' <%> B'11' $$, $$ '[1]' <-> '[2]' $$, $$ '[1]'::vector::bigint[] $$, $$ '{1}'::bigint[]::vector $$]) expression,
    pg_temp.error_of(expression) e;

-- What a statement shows: the literal's place, the DETAIL, the HINT.
SELECT '[1,2,x]'::vector;
SELECT '[1,2'::vector(2);
SELECT '[1,2,nan]'::vector;
SELECT '[1]'::vector(1, 2);
-- The length is checked by a cast behind the literal: no place is shown.
SELECT '[1,2,3]'::vector(2);

-- No prefix of a literal is a literal, nor is a literal with one byte changed to a letter; each error names the type.
SELECT state, message ~ 'vector' AS names_the_type, count(*)
FROM (SELECT '[1.5,-2e-3, .25,0x1F]'::text AS literal) l, generate_series(0, length(literal) - 1) cut,
    pg_temp.error_of(quote_literal(left(literal, cut)) || '::vector') e GROUP BY 1, 2 ORDER BY 1, 2;
SELECT state, message ~ 'vector' AS names_the_type, count(*)
FROM (SELECT '[1.5,-2e-3, .25,0x1F]'::text AS literal) l, generate_series(1, length(literal)) place,
    pg_temp.error_of(quote_literal(overlay(literal PLACING 'z' FROM place FOR 1)) || '::vector') e GROUP BY 1, 2 ORDER BY 1, 2;

-- Soft errors, where PostgreSQL has them (16 and later): nothing is raised, and valid input is told from invalid.
SELECT current_setting('server_version_num')::integer >= 160000 AS has_soft_errors \gset
\set told_wrongly 0
\set message 'invalid input syntax for type vector: "[1,x]"'
\if :has_soft_errors
SELECT count(*) AS told_wrongly FROM (VALUES ('[1,2]', true), ('[1,x]', false), ('[1,nan]', false), ('[4e38]', false), ('[]', false), ('[1]', false)) t(literal, is_valid)
WHERE pg_input_is_valid(literal, 'vector(2)') <> is_valid \gset
SELECT message FROM pg_input_error_info('[1,x]', 'vector') \gset
\endif
\echo :told_wrongly :message
