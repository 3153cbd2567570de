-- Proves: halfvecs survive COPY in text and binary, the binary protocol byte by byte, and TOAST in each storage.
\set VERBOSITY default
SET client_min_messages = notice;

-- The bytes on the wire.
SELECT halfvec_send('[1,2,3]'), halfvec_send('[-0,6e-8,65504]'), length(halfvec_send(array_fill(0, ARRAY[16000])::halfvec));

-- There and back, through files in both formats: every number a half can be.
CREATE TABLE source (i integer, v halfvec(3), u halfvec);
INSERT INTO source VALUES (1, '[1,2,3]', '[0.1]'), (2, '[-0,6e-8,65504]', '[1,2]'), (3, NULL, NULL);
INSERT INTO source SELECT 4 + exponent, '[4,5,6]', array_agg((CASE WHEN exponent = 0 THEN fraction * 2::float8 ^ -24 ELSE (1024 + fraction) * 2::float8 ^ (exponent - 25) END)::real ORDER BY fraction)::halfvec
FROM generate_series(0, 30) exponent, generate_series(0, 1023) fraction GROUP BY exponent;
CREATE TABLE copied (LIKE source);
CREATE FUNCTION pg_temp.copy_through(format text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/halfvec_copy';
    differing bigint;
BEGIN
    EXECUTE pg_catalog.format('COPY source TO %L WITH (FORMAT %s)', file, format);
    DELETE FROM copied;
    EXECUTE pg_catalog.format('COPY copied FROM %L WITH (FORMAT %s)', file, format);
    SELECT count(*) INTO differing FROM source s FULL JOIN copied c USING (i)
    WHERE (halfvec_send(s.v), halfvec_send(s.u)) IS DISTINCT FROM (halfvec_send(c.v), halfvec_send(c.u));
    RETURN differing;
END
$$;
SELECT pg_temp.copy_through('text') AS text, pg_temp.copy_through('csv') AS csv, pg_temp.copy_through('binary') AS binary;
SELECT count(*), count(v) FROM copied;

-- COPY obeys the typmod and the range.
COPY copied (i, v) FROM stdin;
50	[7,8,9]
\.
COPY copied (i, v) FROM stdin;
51	[7,8]
\.
COPY copied (i, u) FROM stdin;
52	[7,65520]
\.
SELECT i, v, u FROM copied WHERE i >= 50;

-- Damaged messages: what a bytea sends is read as a halfvec.
CREATE TABLE received (v halfvec(2));
CREATE FUNCTION pg_temp.receive(message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/halfvec_copy';
    state text;
    text text;
    detail text;
BEGIN
    EXECUTE pg_catalog.format('COPY (SELECT %L::bytea) TO %L WITH (FORMAT binary)', message, file);
    EXECUTE pg_catalog.format('COPY received FROM %L WITH (FORMAT binary)', file);
    RETURN (SELECT v FROM received ORDER BY ctid DESC LIMIT 1);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, text = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN state || ' ' || text || coalesce('; ' || nullif(detail, ''), '');
END
$$;
SELECT message, pg_temp.receive(message) AS answer
FROM unnest(ARRAY['\x000200003c004000', '\x', '\x0002', '\x00000000', '\x9c400000', '\x3e810000', '\x000100003c00', '\x000200013c004000',
    '\x000200003c00', '\x000200003c0040', '\x000200003c00400000', '\x000200003c007e00', '\x000200003c00fc00', '\x00020000000180ff']::bytea[]) message;

-- Storage: out of line by default and never compressed, in line with PLAIN; what is read is the same.
CREATE TABLE stored (kind text, v halfvec);
SELECT attstorage FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'v';
CREATE FUNCTION pg_temp.ramp(dims integer) RETURNS halfvec LANGUAGE sql AS $$ SELECT array_agg(i ORDER BY i)::integer[]::halfvec FROM generate_series(1, dims) i $$;
INSERT INTO stored VALUES ('external', pg_temp.ramp(3000)), ('external, largest', pg_temp.ramp(16000)), ('in line', pg_temp.ramp(200)),
    ('short header', pg_temp.ramp(59)), ('tiny', '[1]'), ('odd', pg_temp.ramp(3));
ALTER TABLE stored ALTER COLUMN v SET STORAGE plain;
INSERT INTO stored VALUES ('plain', pg_temp.ramp(3000));
INSERT INTO stored VALUES ('plain, too wide', pg_temp.ramp(4200));
ALTER TABLE stored ALTER COLUMN v SET STORAGE extended;
INSERT INTO stored VALUES ('compressed', array_fill(1, ARRAY[4000])::halfvec);
SELECT kind, vector_dims(v), pg_column_size(v), v = v::real[]::halfvec AS same, v <-> v AS distance, l2_norm(v + v) = 2 * l2_norm(v) AS twice,
    md5(v::text) = md5(replace(replace(v::real[]::text, '{', '['), '}', ']')) AS printed, (subvector(v, vector_dims(v), 1))::text AS last
FROM stored ORDER BY kind;
-- The length coercion passes a value on as it is stored.
CREATE TABLE stored_typed (v halfvec(16000));
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'external, largest';
DELETE FROM stored WHERE kind = 'external, largest';
VACUUM stored;
SELECT v = pg_temp.ramp(16000) AS same FROM stored_typed;
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'external';
DROP TABLE source, copied, received, stored, stored_typed;
