-- Proves: what a sparsevec literal may look like, how it is printed, which typmods there are, and what the catalog says of the type.
\set VERBOSITY default
SET client_min_messages = notice;

-- Spellings of a literal.
SELECT '{1:1.5,3:2}/5'::sparsevec;
SELECT '{3:2,1:1.5}/5'::sparsevec AS any_order;
SELECT '{1:-1,2:+2,3:.5,4:5.,5:1e2,6:1E-2,7:0x1.8p1}/7'::sparsevec;
SELECT E' \t{\n1\r:\x0b1.5\f, 3 : 2 } / 5 '::sparsevec AS white_space;
SELECT '{+1:1,0002:2}/+0003'::sparsevec AS integers;
SELECT '{}/5'::sparsevec, ' { } / 5 '::sparsevec;
SELECT '{1:1}/1'::sparsevec, '{1000000000:1}/1000000000'::sparsevec;
-- Zeros are dropped before their indices are looked at.
SELECT '{1:0,2:-0,3:0.0e5}/5'::sparsevec, '{5:0}/2'::sparsevec, '{2:0,2:1}/2'::sparsevec, '{-7:0,0:0x0p1}/2'::sparsevec;

-- Rounding is that of vector, and so is printing; only underflow is an error.
SELECT '{1:1.00000005960464478,2:16777217,3:3.4028235677973362e38,4:1e-45,5:7.1e-46}/5'::sparsevec;
SELECT '{1:0.0001,2:0.00001,3:999999,4:1000000,5:123456.7,6:123456789,7:-0.1}/7'::sparsevec AS styles;
SELECT '{1:1e-46}/1'::sparsevec;
SET extra_float_digits = -15;
SELECT '{1:0.1234567891}/1'::sparsevec;
RESET extra_float_digits;

-- Typmods.
SELECT '{1:1}/3'::sparsevec(3);
SELECT '{1:1}/2'::sparsevec(3);
SELECT '{1:1}/2'::sparsevec(3, 2);
SELECT '{1:1}/2'::sparsevec('a');
SELECT '{1:1}/2'::sparsevec(3.0);
SELECT '{1:1}/2'::sparsevec(0);
SELECT '{1:1}/2'::sparsevec(-1);
SELECT '{1:1}/1000000000'::sparsevec(1000000000);
SELECT '{1:1}/2'::sparsevec(1000000001);
SELECT '{1:1}/2'::sparsevec(99999999999);
SELECT pg_typeof('{}/1'::sparsevec(1)), format_type('sparsevec'::regtype, 1000000000), format_type('sparsevec'::regtype, -1);

-- A column keeps its dimensions; without a typmod each row has its own.
CREATE TABLE typed (v sparsevec(3), any_dims sparsevec, list sparsevec(2)[]);
INSERT INTO typed VALUES ('{1:1,3:3}/3', '{}/1', ARRAY['{1:1}/2', NULL]::sparsevec[]);
INSERT INTO typed (any_dims) VALUES ('{4:4}/1000000000'), (NULL);
INSERT INTO typed (v) VALUES ('{1:1}/2');
INSERT INTO typed (list) VALUES ('{"{1:1,2:2}/2","{}/3"}');
SELECT * FROM typed;
ALTER TABLE typed ALTER COLUMN any_dims TYPE sparsevec(1);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;
DROP TABLE typed;

-- Arrays of sparse vectors.
SELECT ARRAY['{1:1,2:2}/2', '{}/1']::sparsevec[], '{"{1:1,2:2}/2","{}/1"}'::sparsevec[], ('{"{1:1,2:2}/2","{}/1"}'::sparsevec[])[2];
SELECT unnest('{"{2:1}/2"}'::sparsevec(2)[]);

-- What clients look up.
SELECT typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem, typsubscript, typalign, typstorage, typanalyze
FROM pg_type WHERE oid = 'sparsevec'::regtype;
SELECT typname, typelem = 'sparsevec'::regtype AS of_sparsevec, typcategory FROM pg_type WHERE oid = to_regtype('_sparsevec');
