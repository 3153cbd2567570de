-- Proves: what operators, casts and types call can be called by its name too, as other extensions do, and answers the same.
\set VERBOSITY default
SET client_min_messages = notice;

-- Literals of each type: of equal dimensions, so that any two can be compared.
CREATE FUNCTION pg_temp.literals(type regtype) RETURNS text[] LANGUAGE sql AS $$
    SELECT CASE type::text
        WHEN 'vector' THEN ARRAY['[1,-2,3]', '[0,0.5,0]', '[1,-2,4]', '[0,0,0]']
        WHEN 'halfvec' THEN ARRAY['[1,-2,3]', '[0,0.5,0]', '[1,-2,4]', '[0,0,0]']
        WHEN 'sparsevec' THEN ARRAY['{1:1,2:-2,3:3}/3', '{2:0.5}/3', '{1:1,2:-2,3:4}/3', '{}/3']
        WHEN 'bit' THEN ARRAY['101', '010', '111', '000']
        ELSE ARRAY['{1,-2,3}', '{0,1,0}']
    END
$$;
CREATE FUNCTION pg_temp.ask(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TEMPORARY VIEW members AS
SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND deptype = 'e';

-- Operators: for each pair of values. A bit literal needs its length, else it is bit(1).
SELECT o.oprleft::regtype AS type, count(DISTINCT o.oid) AS operators, count(*) AS pairs,
    count(*) FILTER (WHERE pg_temp.ask(format('%s(%L::%s, %L::%2$s)', o.oprcode, a, type, b)) IS NULL) AS unanswered,
    count(*) FILTER (WHERE pg_temp.ask(format('%s(%L::%s, %L::%s)', o.oprcode, a, type, b, type)) IS DISTINCT FROM pg_temp.ask(format('%L::%s OPERATOR(public.%s) %L::%s', a, type, o.oprname, b, type))) AS answered_otherwise
FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid,
    LATERAL (SELECT CASE o.oprleft::regtype::text WHEN 'bit' THEN 'bit(3)' ELSE o.oprleft::regtype::text END AS type) t,
    LATERAL unnest(pg_temp.literals(o.oprleft)) a, LATERAL unnest(pg_temp.literals(o.oprright)) b
GROUP BY o.oprleft ORDER BY o.oprleft::regtype::text;
-- The negator answers the opposite, the commutator the same with its sides exchanged, for every operator that has one.
SELECT count(*) AS pairs,
    count(*) FILTER (WHERE negator <> '0' AND pg_temp.ask(format('%L::%s OPERATOR(public.%s) %L::%s', a, type, name, b, type)) = pg_temp.ask(format('%L::%s OPERATOR(public.%s) %L::%s', a, type, negator, b, type))) AS not_opposite,
    count(*) FILTER (WHERE commutator <> '0' AND pg_temp.ask(format('%L::%s OPERATOR(public.%s) %L::%s', a, type, name, b, type)) <> pg_temp.ask(format('%L::%s OPERATOR(public.%s) %L::%s', b, type, commutator, a, type))) AS not_exchanged
FROM (SELECT o.oprname AS name, coalesce(n.oprname, '0') AS negator, coalesce(c.oprname, '0') AS commutator, o.oprleft,
        CASE o.oprleft::regtype::text WHEN 'bit' THEN 'bit(3)' ELSE o.oprleft::regtype::text END AS type
    FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid LEFT JOIN pg_operator n ON n.oid = o.oprnegate LEFT JOIN pg_operator c ON c.oid = o.oprcom) o,
    LATERAL unnest(pg_temp.literals(o.oprleft)) a, LATERAL unnest(pg_temp.literals(o.oprleft)) b;

-- Casts: the function by name, with and without a length, explicit or not; a length that is another is refused in the same words.
CREATE TEMPORARY VIEW casts AS
SELECT castfunc::regproc AS name, castsource::regtype AS source, casttarget::regtype AS target, castcontext AS context, literal
FROM pg_cast c JOIN members m ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid, LATERAL unnest(pg_temp.literals(castsource)) literal;
SELECT name, source, target, context,
    count(*) FILTER (WHERE pg_temp.ask(format('%s(%L::%s, -1, %s)', name, literal, source, explicit::text)) IS DISTINCT FROM pg_temp.ask(format('%L::%s::%s', literal, source, target))) AS answered_otherwise,
    min(pg_temp.ask(format('%s(%L::%s, 4, %s)', name, literal, source, explicit::text))) AS other_length
FROM casts, unnest(ARRAY[true, false]) explicit GROUP BY 1, 2, 3, 4 ORDER BY name::text COLLATE "C", source::text COLLATE "C";

-- Input, output and type modifiers by name.
SELECT type, pg_temp.ask(format('%s_out(%s_in(%L, 0, -1))', type, type, literal)) AS read, pg_temp.ask(format('%s_in(%L, 0, 3)', type, literal)) AS with_length,
    pg_temp.ask(format('%s_in(%L, 0, 4)', type, literal)) AS other_length, pg_temp.ask(format('%s_typmod_in(%L)', type, '{3}')) AS modifier, pg_temp.ask(format('%s_typmod_in(%L)', type, '{3,4}')) AS modifiers,
    pg_temp.ask(format('%s_typmod_in(%L)', type, '{}')) AS none, pg_temp.ask(format('%s_typmod_in(NULL)', type)) AS null_modifier,
    pg_temp.ask(format('%s_in(NULL, 0, -1)', type)) AS null_text, pg_temp.ask(format('%s_out(NULL)', type)) AS null_value
FROM (VALUES ('vector', '[1,2,3]'), ('halfvec', '[1,2,3]'), ('sparsevec', '{1:1}/3')) t(type, literal) \gx
-- Comparison functions answer -1, 0 or 1, and sort as the operators do.
SELECT type, pg_temp.ask(format('%s_cmp(%L, %L)', type, low, high)) AS below, pg_temp.ask(format('%s_cmp(%L, %L)', type, high, high)) AS same, pg_temp.ask(format('%s_cmp(%L, %L)', type, high, low)) AS above
FROM (VALUES ('vector', '[1,2]', '[1,2,0]'), ('halfvec', '[-1]', '[1]'), ('sparsevec', '{2:1}/3', '{1:1}/3')) t(type, low, high);
