-- Proves: what a vector literal may look like, how it is printed, which typmods there are, and what the catalog says of the type.
\set VERBOSITY default
SET client_min_messages = notice;

-- Spellings of a literal.
SELECT '[1,2,3]'::vector;
SELECT '[-1,-2,-3]'::vector;
SELECT '[1.,2.,3.]'::vector;
SELECT '[+1,.5,-.25]'::vector;
SELECT ' [ 1,  2 ,    3  ] '::vector;
SELECT E'\t[\n1\x0b,\f2\r]\n'::vector AS white_space;
SELECT '[1.23456]'::vector;
SELECT '[1e2,1E+2,1e-2,12.5e1]'::vector AS exponents;
SELECT '[0x10,0X1.8p1,0x.8,-0x1p-2]'::vector AS hexadecimal;
SELECT '[0,-0,0.0,-0e5]'::vector AS zeros;

-- Rounding goes from the decimal to binary32 in one step: through binary64 the first would be 1, and the second 1.0000002.
SELECT '[1.00000005960464478,1.00000017881393432]'::vector AS one_step;
SELECT '[16777217,16777219,33554434,33554438]'::vector AS ties_to_even;
SELECT '[3.4028235e38,-3.4028235677973362e38]'::vector AS largest;
SELECT '[1.17549435e-38,1e-45,7.1e-46,7e-46,-1e-46]'::vector AS smallest;
SELECT ('[' || repeat('0', 400) || '.' || repeat('0', 30) || '123' || repeat('4', 400) || ']')::vector AS long_decimal;

-- Printing: the shortest decimal that reads back, float4's style, whatever extra_float_digits says.
SELECT '[0.0001,0.00001,0.00012345678,999999,1000000,100000,123456.7,123456789]'::vector AS styles;
SELECT '[0.1,0.2,0.3,0.33333334,16777216,33554448,8388608.5,5e-324]'::vector AS digits;
SET extra_float_digits = -15;
SELECT '[0.1234567891]'::vector;
RESET extra_float_digits;
-- Every power of two and its neighbors print as float4 does, and read back.
WITH numbers AS (
    SELECT (sign || power::text)::real AS x
    FROM (SELECT 2::float8 ^ e AS power FROM generate_series(-140, 127) e) p, (VALUES (''), ('-')) s(sign)
    UNION ALL SELECT (2::float8 ^ e * (1 + 2::float8 ^ -23))::real FROM generate_series(-126, 127) e
    UNION ALL SELECT (2::float8 ^ e * (1 - 2::float8 ^ -24))::real FROM generate_series(-125, 127) e
    UNION ALL SELECT (10::float8 ^ e)::real FROM generate_series(-45, 38) e
    UNION ALL SELECT i::real FROM generate_series(33554400, 33554500) i
)
SELECT count(*) AS numbers,
    count(*) FILTER (WHERE ARRAY[x]::vector::text <> '[' || x::text || ']') AS printed_otherwise,
    count(*) FILTER (WHERE (ARRAY[x]::vector::text::vector::real[])[1] <> x) AS read_back_otherwise
FROM numbers;

-- Typmods.
SELECT '[1,2,3]'::vector(3);
SELECT '[1,2]'::vector(3);
SELECT '[1,2]'::vector(3, 2);
SELECT '[1,2]'::vector('a');
SELECT '[1,2]'::vector(3.0);
SELECT '[1,2]'::vector(0);
SELECT '[1,2]'::vector(-1);
SELECT '[1,2]'::vector(16000);
SELECT '[1,2]'::vector(16001);
SELECT pg_typeof('[1]'::vector(1)), format_type('vector'::regtype, 3), format_type('vector'::regtype, -1);

-- A column keeps its dimensions; without a typmod each row has its own.
CREATE TABLE typed (v vector(3), any_dims vector, list vector(2)[]);
INSERT INTO typed VALUES ('[1,2,3]', '[1]', ARRAY['[1,2]', NULL]::vector[]);
INSERT INTO typed (any_dims) VALUES ('[1,2,3,4]'), (NULL);
INSERT INTO typed (v) VALUES ('[1,2]');
INSERT INTO typed (list) VALUES ('{"[1,2]","[1,2,3]"}');
SELECT * FROM typed;
ALTER TABLE typed ALTER COLUMN any_dims TYPE vector(1);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;
DROP TABLE typed;

-- Arrays of vectors.
SELECT ARRAY['[1,2]', '[3]']::vector[], '{"[1,2]","[3]"}'::vector[], ('{"[1,2]","[3]"}'::vector[])[2];
SELECT unnest('{"[1,2,3]"}'::vector(2)[]);

-- What clients look up.
SELECT typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem, typsubscript, typalign, typstorage, typanalyze
FROM pg_type WHERE oid = 'vector'::regtype;
SELECT typname, typelem = 'vector'::regtype AS of_vector, typcategory FROM pg_type WHERE oid = to_regtype('_vector');

-- Every object of ours has a comment; types of arrays and rows, members too since PostgreSQL 18, and sequences are no objects of their own.
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND deptype = 'e'
    AND classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_cast'::regclass, 'pg_class'::regclass)
    AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND (t.typcategory = 'A' OR t.typrelid <> 0))
    AND NOT EXISTS (SELECT FROM pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND c.relkind = 'S')
    AND obj_description(objid, classid::regclass::name) IS NULL
ORDER BY 1;
