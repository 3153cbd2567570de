-- Proves: every error of sparsevec has its SQLSTATE, its text, and a DETAIL or HINT where that helps; damaged stored values are refused or harmless.
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
SELECT literal, e.* FROM unnest(ARRAY['', ' ', '1:1', '[1,2]', '{', '{ ', '{}', '{} ', '{}/', '{}/ ', '{}5', '{}x/5', '{}}/5', '{}/x', '{}/-', '{}/5x', '{}/5 5', '{}/1e2', '{}/5.0',
    '{,}/5', '{:}/5', '{1}/5', '{:1}/5', '{1:}/5', '{1:,}/5', '{1:1,}/5', '{,1:1}/5', '{1:1,,2:1}/5', '{1:1 2:1}/5', '{1;1}/5', '{1 1:1}/5', '{x:1}/5', '{1.0:1}/5', '{1e0:1}/5', '{1:x}/5', '{1:1x}/5', '{1:1e}/5', '{1:1:1}/5', '{1:1]/5', '{1:1', '{1:1,', '{1:', '{1', '{"1":1}/5', '{ä:1}/5',
    '{}/0', '{}/-1', '{}/-99999999999', '{}/1000000001', '{}/99999999999999999999', '{1:1}/0',
    '{0:1}/5', '{6:1}/5', '{-1:1}/5', '{-99999999999:1}/5', '{99999999999:1}/5', '{1:1,1:1}/5', '{2:1,1:1,2:0.5}/5',
    '{1:nan}/5', '{1:1,2:NaN}/5', '{1:inf}/5', '{1:-Infinity}/5', '{1:infinit}/5', '{1:4e38}/5', '{1:-4e38}/5', '{1:0x1p128}/5', '{1:1e-46}/5', '{1:-1e-46}/5', '{1:0x1p-200}/5']) literal,
    pg_temp.error_of(quote_literal(literal) || '::sparsevec') e;
-- Elements are counted before anything else is looked at, and zeros among them.
SELECT e.* FROM pg_temp.error_of('(''{'' || repeat(''1:0,'', 15999) || ''1:0}/5'')::sparsevec') e;
SELECT e.* FROM pg_temp.error_of('(''{'' || repeat(''1:0,'', 16000) || ''1:0}/5'')::sparsevec') e;
SELECT e.* FROM pg_temp.error_of('repeat('','', 16000)::sparsevec') e;

-- Everything else.
SELECT expression, e.* FROM unnest(ARRAY[
    $$ '{}/1'::sparsevec(0) $$, $$ '{}/1'::sparsevec(1000000001) $$, $$ '{}/1'::sparsevec(1,2) $$, $$ '{}/1'::sparsevec('x') $$, $$ '{}/1'::sparsevec(2) $$, $$ '{}/1'::sparsevec::sparsevec(2) $$,
    $$ '{}/2'::sparsevec <-> '{}/1' $$, $$ '{}/2'::sparsevec <#> '{}/1' $$, $$ '{}/2'::sparsevec <=> '{}/1' $$, $$ '{}/2'::sparsevec <+> '{}/1' $$,
    $$ sparsevec_l2_squared_distance('{}/2', '{}/1') $$, $$ sparsevec_negative_inner_product('{}/2', '{}/1') $$, $$ inner_product('{}/2'::sparsevec, '{}/1') $$, $$ '[1,2]'::vector <-> '{}/1'::sparsevec $$,
    $$ '{}'::real[]::sparsevec $$, $$ '{{1},{2}}'::real[]::sparsevec $$, $$ '{1,NULL}'::real[]::sparsevec $$, $$ '{1,NaN}'::real[]::sparsevec $$, $$ '{Infinity}'::float8[]::sparsevec $$,
    $$ '{1e39}'::numeric[]::sparsevec $$, $$ array_fill(1, ARRAY[16001])::sparsevec $$, $$ '{1,2}'::integer[]::sparsevec(3) $$,
    $$ '{}/16001'::sparsevec::vector $$, $$ '{}/2'::sparsevec::vector(3) $$, $$ '[1,2]'::vector::sparsevec(3) $$,
    $$ '{}/1' <-> '{}/1' $$, $$ l2_distance('{}/1', '{}/1') $$, $$ '{}/1'::sparsevec + '{}/1' $$, $$ '{}/1'::sparsevec <-> ARRAY[1]::real[] $$, $$ vector_dims('{}/1'::sparsevec) $$, $$ avg('{}/1'::sparsevec) $$,
    $$ max('{}/1'::sparsevec) $$, $$ '{}/1'::sparsevec::real[] $$, $$ '{1}'::bigint[]::sparsevec $$]) expression,
    pg_temp.error_of(expression) e;

-- What a statement shows: the literal's place, the DETAIL, the HINT.
SELECT '{1:1,2:x}/5'::sparsevec;
SELECT '{1:1,6:2}/5'::sparsevec;
SELECT '{1:1'::sparsevec(2);
SELECT '{}/1'::sparsevec(1, 2);
-- The length is checked by a cast behind the literal: no place is shown.
SELECT '{}/3'::sparsevec(2);

-- No prefix of a literal is a literal, nor is a literal with one byte changed to a letter; each error names the type.
SELECT state, message ~ 'sparsevec' AS names_the_type, count(*)
FROM (SELECT '{1:1.5,20:-2e-3, 3:.25}/12'::text AS literal) l, generate_series(0, length(literal) - 3) cut,
    pg_temp.error_of(quote_literal(left(literal, cut)) || '::sparsevec') e GROUP BY 1, 2 ORDER BY 1, 2;
SELECT state, message ~ 'sparsevec' AS names_the_type, count(*)
FROM (SELECT '{1:1.5,20:-2e-3, 3:.25}/12'::text AS literal) l, generate_series(1, length(literal)) place,
    pg_temp.error_of(quote_literal(overlay(literal PLACING 'z' FROM place FOR 1)) || '::sparsevec') e GROUP BY 1, 2 ORDER BY 1, 2;

-- Soft errors, where PostgreSQL has them (16 and later): nothing is raised, and valid input is told from invalid.
SELECT current_setting('server_version_num')::integer >= 160000 AS has_soft_errors \gset
\set told_wrongly 0
\set message 'sparsevec index out of bounds'
\if :has_soft_errors
SELECT count(*) AS told_wrongly FROM (VALUES ('{1:1}/2', true), ('{1:x}/2', false), ('{1:nan}/2', false), ('{1:4e38}/2', false), ('{}/0', false), ('{}/3', false), ('{2:1,2:1}/2', false)) t(literal, is_valid)
WHERE pg_input_is_valid(literal, 'sparsevec(2)') <> is_valid \gset
SELECT message FROM pg_input_error_info('{3:1}/2', 'sparsevec') \gset
\endif
\echo :told_wrongly :message

-- Damaged stored values, made by a cast that changes nothing. A length that does not fit is refused by every function.
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
CREATE FUNCTION pg_temp.stored(VARIADIC fields integer[]) RETURNS bytea LANGUAGE sql AS $$
    -- In the byte order of the machine, little-endian wherever annex is tested.
    SELECT string_agg(substring(b FROM 4 FOR 1) || substring(b FROM 3 FOR 1) || substring(b FROM 2 FOR 1) || substring(b FROM 1 FOR 1), ''::bytea ORDER BY n)
    FROM unnest(fields) WITH ORDINALITY f(field, n), int4send(field) b
$$;
SELECT pg_temp.stored(5, 2, 0, 0, 4, 1065353216, 1073741824)::sparsevec AS sound;
SELECT what, e.* FROM (VALUES
    ('empty', ''::bytea), ('a byte', '\x01'), ('no elements field', pg_temp.stored(5)), ('no reserved field', pg_temp.stored(5, 0)), ('no room for its elements', pg_temp.stored(5, 2, 0, 0, 4, 1065353216)),
    ('room for more', pg_temp.stored(5, 0, 0, 0)), ('half an element', pg_temp.stored(5, 1, 0, 0)), ('more than memory', pg_temp.stored(5, 2147483647, 0)), ('less than none', pg_temp.stored(5, -1, 0)),
    ('no dimensions', pg_temp.stored(0, 0, 0)), ('negative dimensions', pg_temp.stored(-1, 0, 0)), ('too many dimensions', pg_temp.stored(2147483647, 0, 0))) d(what, bytes),
    pg_temp.error_of(format('(%L::bytea::sparsevec)::text', bytes)) e;
SELECT e.state, count(*) FROM unnest(ARRAY['%s::text', 'sparsevec_send(%s)', '%s <-> %s', '%s <#> ''{}/5''', '''{}/5'' <=> %s', '%s <+> %s', '%s < %s', 'sparsevec_cmp(%s, %s)', 'l2_norm(%s)', 'l2_normalize(%s)', '%s::vector']) call,
    pg_temp.error_of(replace(call, '%s', '(pg_temp.stored(5, 3, 0, 0)::sparsevec)')) e GROUP BY 1;
-- Elements that cannot be give an error or some result, and nothing worse.
SELECT fields, count(*) AS calls, array_agg(DISTINCT e.state || ' ' || e.message) FILTER (WHERE e.state IS NOT NULL) AS errors
FROM (VALUES ('5,2,0,4,0,1065353216,1073741824'), ('5,2,0,3,3,1065353216,1073741824'), ('5,2,0,7,2147483647,1065353216,1073741824'), ('5,2,0,-1,-2,1065353216,1073741824'), ('5,2,0,0,1,0,0'), ('5,2,0,0,1,2143289344,2139095040'), ('1,2,0,0,1,1065353216,1073741824'), ('5,0,77')) d(fields),
    unnest(ARRAY['%s::text', 'sparsevec_send(%s)', '%s <-> %s', '%s <#> %s', '%s <=> %s', '%s <+> %s', '%s < %s', 'sparsevec_cmp(%s, ''{1:1,2:2,3:3,4:4,5:5}/5'')', 'l2_norm(%s)', 'l2_normalize(%s)', '%s::vector']) call,
    pg_temp.error_of(replace(call, '%s', format('(pg_temp.stored(%s)::sparsevec)', fields))) e GROUP BY fields ORDER BY fields;
DROP CAST (bytea AS sparsevec);
