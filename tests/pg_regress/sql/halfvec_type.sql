-- Proves: what a halfvec literal may look like, how it is rounded and printed, which typmods there are, and what the catalog says of the type.
\set VERBOSITY default
SET client_min_messages = notice;

-- Spellings of a literal.
SELECT '[1,2,3]'::halfvec;
SELECT '[-1,-2,-3]'::halfvec;
SELECT '[1.,+2,.5,-.25]'::halfvec;
SELECT ' [ 1,  2 ,    3  ] '::halfvec;
SELECT E'\t[\n1\x0b,\f2\r]\n'::halfvec AS white_space;
SELECT '[1e2,1E+2,1e-2,12.5e1]'::halfvec AS exponents;
SELECT '[0x10,0X1.8p1,0x.8,-0x1p-2]'::halfvec AS hexadecimal;
SELECT '[0,-0,0.0,-0e5]'::halfvec AS zeros;
SELECT '[1.23456,0.1,0.6,3.14159]'::halfvec AS nearest;

-- Rounding goes by way of binary32 to the nearest half, ties to even.
SELECT '[2048,2049,2050,2051,2052,-2049]'::halfvec AS ties_to_even;
SELECT '[65504,65519,65519.99,-65519]'::halfvec AS largest;
SELECT '[65520]'::halfvec;
SELECT '[6.1035156e-05,6.097555e-05,5.9604645e-08,2.9802322e-08,2.9802326e-08,-2.9802322e-08,1e-8,-1e-46]'::halfvec AS smallest;
-- The decimal is rounded to binary32 first: just above a tie of halves it becomes the tie, which goes to even.
SELECT '[2049.00001,2049.0002]'::halfvec AS two_steps;

-- Printing: the shortest decimal that reads back as binary32, whatever extra_float_digits says.
SELECT '[0.0001,0.00001,65504,1024.5,0.33333]'::halfvec AS styles;
SET extra_float_digits = -15;
SELECT '[0.6]'::halfvec;
RESET extra_float_digits;
-- Every half that is a number prints as its real does, and reads back: sign, exponent and significand.
WITH numbers AS (
    SELECT ((CASE WHEN sign = 0 THEN 1 ELSE -1 END) * CASE WHEN exponent = 0 THEN fraction * 2::float8 ^ -24
            ELSE (1024 + fraction) * 2::float8 ^ (exponent - 25) END)::real AS x
    FROM generate_series(0, 1) sign, generate_series(0, 30) exponent, generate_series(0, 1023) fraction
)
SELECT count(*) AS numbers,
    count(*) FILTER (WHERE ARRAY[x]::halfvec::text <> '[' || x::text || ']') AS printed_otherwise,
    count(*) FILTER (WHERE (ARRAY[x]::halfvec::text::halfvec::real[])[1] <> x) AS read_back_otherwise,
    count(*) FILTER (WHERE (ARRAY[x]::halfvec::real[])[1] <> x) AS converted_otherwise
FROM numbers;

-- Typmods.
SELECT '[1,2,3]'::halfvec(3);
SELECT '[1,2]'::halfvec(3);
SELECT '[1,2]'::halfvec(3, 2);
SELECT '[1,2]'::halfvec('a');
SELECT '[1,2]'::halfvec(3.0);
SELECT '[1,2]'::halfvec(0);
SELECT '[1,2]'::halfvec(-1);
SELECT '[1,2]'::halfvec(16000);
SELECT '[1,2]'::halfvec(16001);
SELECT pg_typeof('[1]'::halfvec(1)), format_type('halfvec'::regtype, 3), format_type('halfvec'::regtype, -1);

-- A column keeps its dimensions; without a typmod each row has its own.
CREATE TABLE typed (v halfvec(3), any_dims halfvec, list halfvec(2)[]);
INSERT INTO typed VALUES ('[1,2,3]', '[1]', ARRAY['[1,2]', NULL]::halfvec[]);
INSERT INTO typed (any_dims) VALUES ('[1,2,3,4]'), (NULL);
INSERT INTO typed (v) VALUES ('[1,2]');
INSERT INTO typed (list) VALUES ('{"[1,2]","[1,2,3]"}');
SELECT * FROM typed;
ALTER TABLE typed ALTER COLUMN any_dims TYPE halfvec(1);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;
DROP TABLE typed;

-- Arrays of halfvecs.
SELECT ARRAY['[1,2]', '[3]']::halfvec[], '{"[1,2]","[3]"}'::halfvec[], ('{"[1,2]","[3]"}'::halfvec[])[2];
SELECT unnest('{"[1,2,3]"}'::halfvec(2)[]);

-- What clients look up.
SELECT typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem, typsubscript, typalign, typstorage, typanalyze
FROM pg_type WHERE oid = 'halfvec'::regtype;
SELECT typname, typelem = 'halfvec'::regtype AS of_halfvec, typcategory FROM pg_type WHERE oid = to_regtype('_halfvec');
