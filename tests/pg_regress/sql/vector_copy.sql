-- Proves: vectors survive COPY in text and binary, the binary protocol byte by byte, and TOAST in each storage.
\set VERBOSITY default
SET client_min_messages = notice;

-- The bytes on the wire.
SELECT vector_send('[1,2,3]'), vector_send('[-0,1e-45]'), length(vector_send(array_fill(0, ARRAY[16000])::vector));

-- There and back, through files in both formats.
CREATE TABLE source (i integer, v vector(3), u vector);
INSERT INTO source VALUES (1, '[1,2,3]', '[0.1]'), (2, '[-0,1e-45,3.4028235e+38]', '[1,2]'), (3, NULL, NULL);
INSERT INTO source SELECT 4, '[4,5,6]', array_agg(i / 7.0 ORDER BY i)::real[]::vector FROM generate_series(1, 16000) i;
CREATE TABLE copied (LIKE source);
CREATE FUNCTION pg_temp.copy_through(format text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/vector_copy';
    differing bigint;
BEGIN
    EXECUTE pg_catalog.format('COPY source TO %L WITH (FORMAT %s)', file, format);
    DELETE FROM copied;
    EXECUTE pg_catalog.format('COPY copied FROM %L WITH (FORMAT %s)', file, format);
    SELECT count(*) INTO differing FROM source s FULL JOIN copied c USING (i)
    WHERE (vector_send(s.v), vector_send(s.u)) IS DISTINCT FROM (vector_send(c.v), vector_send(c.u));
    RETURN differing;
END
$$;
SELECT pg_temp.copy_through('text') AS text, pg_temp.copy_through('csv') AS csv, pg_temp.copy_through('binary') AS binary;
SELECT count(*), count(v) FROM copied;

-- COPY obeys the typmod.
COPY copied (i, v) FROM stdin;
5	[7,8,9]
\.
COPY copied (i, v) FROM stdin;
6	[7,8]
\.
COPY copied (i, u) FROM stdin;
7	[7,nan]
\.
SELECT i, v, u FROM copied WHERE i > 4;

-- Damaged messages: what a bytea sends is read as a vector.
CREATE TABLE received (v vector(2));
CREATE FUNCTION pg_temp.receive(message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/vector_copy';
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
FROM unnest(ARRAY['\x000200003f80000040000000', '\x', '\x0002', '\x00000000', '\x9c400000', '\x3e810000', '\x000100003f800000', '\x000200013f80000040000000',
    '\x000200003f800000', '\x000200003f8000004000', '\x000200003f8000004000000000', '\x000200003f8000007fc00000', '\x000200003f800000ff800000']::bytea[]) message;

-- Storage: out of line by default and never compressed, in line with PLAIN; what is read is the same.
CREATE TABLE stored (kind text, v vector);
SELECT attstorage FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'v';
CREATE FUNCTION pg_temp.ramp(dims integer) RETURNS vector LANGUAGE sql AS $$ SELECT array_agg(i ORDER BY i)::integer[]::vector FROM generate_series(1, dims) i $$;
INSERT INTO stored VALUES ('external', pg_temp.ramp(1500)), ('external, largest', pg_temp.ramp(16000)), ('in line', pg_temp.ramp(100)), ('short header', pg_temp.ramp(29)), ('tiny', '[1]');
ALTER TABLE stored ALTER COLUMN v SET STORAGE plain;
INSERT INTO stored VALUES ('plain', pg_temp.ramp(1500));
INSERT INTO stored VALUES ('plain, too wide', pg_temp.ramp(2100));
ALTER TABLE stored ALTER COLUMN v SET STORAGE extended;
INSERT INTO stored VALUES ('compressed', array_fill(1, ARRAY[4000])::vector);
SELECT kind, vector_dims(v), pg_column_size(v), v = v::real[]::vector AS same, v <-> v AS distance, vector_norm(v + v) = 2 * vector_norm(v) AS twice,
    md5(v::text) = md5(replace(replace(v::real[]::text, '{', '['), '}', ']')) AS printed, v::vector(16000) IS NOT NULL AS coerced
FROM stored WHERE vector_dims(v) = 16000;
SELECT kind, vector_dims(v), pg_column_size(v), v = v::real[]::vector AS same, v <-> v AS distance, vector_norm(v + v) = 2 * vector_norm(v) AS twice,
    md5(v::text) = md5(replace(replace(v::real[]::text, '{', '['), '}', ']')) AS printed, (subvector(v, vector_dims(v), 1))::text AS last
FROM stored ORDER BY kind;
-- The length coercion passes a value on as it is stored.
CREATE TABLE stored_typed (v vector(16000));
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'external, largest';
DELETE FROM stored WHERE kind = 'external, largest';
VACUUM stored;
SELECT v = pg_temp.ramp(16000) AS same FROM stored_typed;
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'external';
DROP TABLE source, copied, received, stored, stored_typed;
