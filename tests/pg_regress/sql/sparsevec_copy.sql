-- Proves: sparse vectors survive COPY in text and binary, the binary protocol byte by byte, and TOAST in each storage.
\set VERBOSITY default
SET client_min_messages = notice;

-- The bytes on the wire.
SELECT sparsevec_send('{1:1,5:2}/5'), sparsevec_send('{}/1000000000'), length(sparsevec_send(array_fill(1, ARRAY[16000])::sparsevec));

-- There and back, through files in both formats.
CREATE TABLE source (i integer, v sparsevec(3), u sparsevec);
INSERT INTO source VALUES (1, '{1:1,3:3}/3', '{}/1'), (2, '{1:1e-45,2:-3.4028235e+38}/3', '{1000000000:0.1}/1000000000'), (3, NULL, NULL);
INSERT INTO source SELECT 4, '{}/3', ('{' || string_agg(62500 * i || ':' || i / 7.0, ',') || '}/1000000000')::sparsevec FROM generate_series(1, 16000) i;
CREATE TABLE copied (LIKE source);
CREATE FUNCTION pg_temp.copy_through(format text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/sparsevec_copy';
    differing bigint;
BEGIN
    EXECUTE pg_catalog.format('COPY source TO %L WITH (FORMAT %s)', file, format);
    DELETE FROM copied;
    EXECUTE pg_catalog.format('COPY copied FROM %L WITH (FORMAT %s)', file, format);
    SELECT count(*) INTO differing FROM source s FULL JOIN copied c USING (i)
    WHERE (sparsevec_send(s.v), sparsevec_send(s.u)) IS DISTINCT FROM (sparsevec_send(c.v), sparsevec_send(c.u));
    RETURN differing;
END
$$;
SELECT pg_temp.copy_through('text') AS text, pg_temp.copy_through('csv') AS csv, pg_temp.copy_through('binary') AS binary;
SELECT count(*), count(v) FROM copied;

-- COPY obeys the typmod, which is checked before the indices are.
COPY copied (i, v) FROM stdin;
5	{3:7,2:0}/3
\.
COPY copied (i, v) FROM stdin;
6	{3:1}/2
\.
COPY copied (i, u) FROM stdin;
7	{1:nan}/2
\.
SELECT i, v, u FROM copied WHERE i > 4;

-- Damaged messages: what a bytea sends is read as a sparse vector.
CREATE TABLE received (v sparsevec(5));
CREATE FUNCTION pg_temp.receive(message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/sparsevec_copy';
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
FROM unnest(ARRAY['\x000000050000000200000000000000000000000400000000', '\x00000005000000020000000000000000000000043f80000040000000', '\x000000050000000000000000', '\x', '\x00000005', '\x0000000500000000', '\x00000005000000000000',
    '\x000000000000000000000000', '\xffffffff0000000000000000', '\x3b9aca010000000000000000', '\x00000005ffffffff00000000', '\x0000000500003e8100000000', '\x000000050000000600000000', '\x000000040000000000000001', '\x000000050000000000000001', '\x0000000500000000ffffffff',
    '\x0000000500000001000000000000000000', '\x000000050000000000000000ff', '\x0000000500000001000000000000000500000000', '\x000000050000000100000000000000053f800000', '\x000000050000000100000000ffffffff3f800000', '\x000000050000000100000000800000003f800000',
    '\x00000005000000020000000000000001000000013f8000003f800000', '\x00000005000000020000000000000002000000013f8000003f800000',
    '\x000000050000000100000000000000007fc00000', '\x00000005000000010000000000000000ff800000', '\x0000000500000001000000000000000000000000', '\x0000000500000001000000000000000080000000']::bytea[]) message;

-- Storage: out of line by default and never compressed, in line with PLAIN; what is read is the same.
CREATE TABLE stored (kind text, v sparsevec);
SELECT attstorage FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'v';
CREATE FUNCTION pg_temp.ramp(elements integer) RETURNS sparsevec LANGUAGE sql AS $$ SELECT ('{' || string_agg(2 * i || ':' || i, ',' ORDER BY i) || '}/40000')::sparsevec FROM generate_series(1, elements) i $$;
INSERT INTO stored VALUES ('external', pg_temp.ramp(750)), ('external, largest', pg_temp.ramp(16000)), ('in line', pg_temp.ramp(50)), ('short header', pg_temp.ramp(14)), ('tiny', '{2:1}/40000'), ('zero', '{}/40000');
ALTER TABLE stored ALTER COLUMN v SET STORAGE plain;
INSERT INTO stored VALUES ('plain', pg_temp.ramp(750));
INSERT INTO stored VALUES ('plain, too wide', pg_temp.ramp(1050));
ALTER TABLE stored ALTER COLUMN v SET STORAGE extended;
INSERT INTO stored VALUES ('compressed', array_fill(1, ARRAY[4000])::sparsevec);
SELECT kind, pg_column_size(v), v = v::text::sparsevec AS same, v <-> v AS distance, l2_norm(v) AS norm, length(v::text), length(sparsevec_send(v)), sparsevec_cmp(v, '{2:1}/40000') AS order, v::sparsevec(40000) IS NOT NULL AS coerced
FROM stored WHERE kind <> 'compressed' ORDER BY kind;
SELECT kind, pg_column_size(v) < 30000 AS small, v = v::text::sparsevec AS same, v::vector = array_fill(1, ARRAY[4000])::vector AS dense FROM stored WHERE kind = 'compressed';
-- The length coercion passes a value on as it is stored.
CREATE TABLE stored_typed (v sparsevec(40000));
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'external, largest';
DELETE FROM stored WHERE kind = 'external, largest';
VACUUM stored;
SELECT v = pg_temp.ramp(16000) AS same FROM stored_typed;
INSERT INTO stored_typed SELECT v FROM stored WHERE kind = 'compressed';
DROP TABLE source, copied, received, stored, stored_typed;
