-- Casts of vector and halfvec: length coercion, arrays, each other.

CREATE FUNCTION vector(vector, integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector';
COMMENT ON FUNCTION vector(vector, integer, boolean) IS 'adjust vector to typmod dimensions';

CREATE FUNCTION array_to_vector(integer[], integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_vector';
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS 'convert integer[] to vector';

CREATE FUNCTION array_to_vector(real[], integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_vector';
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS 'convert real[] to vector';

CREATE FUNCTION array_to_vector(double precision[], integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_vector';
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS 'convert double precision[] to vector';

CREATE FUNCTION array_to_vector(numeric[], integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_vector';
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS 'convert numeric[] to vector';

CREATE FUNCTION vector_to_float4(vector, integer, boolean) RETURNS real[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_to_float4';
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS 'convert vector to real[]';

CREATE CAST (vector AS vector)
    WITH FUNCTION vector(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS vector) IS 'checks the number of dimensions';

CREATE CAST (vector AS real[])
    WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS real[]) IS 'elements as an array';

-- From arrays by assignment only: an implicit cast would make ARRAY[1,2,3] = ARRAY[1,2,3] ambiguous.

CREATE CAST (integer[] AS vector)
    WITH FUNCTION array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS vector) IS 'elements of a flat array without NULLs';

CREATE CAST (real[] AS vector)
    WITH FUNCTION array_to_vector(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS vector) IS 'elements of a flat array without NULLs';

CREATE CAST (double precision[] AS vector)
    WITH FUNCTION array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS vector) IS 'elements of a flat array without NULLs';

CREATE CAST (numeric[] AS vector)
    WITH FUNCTION array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS vector) IS 'elements of a flat array without NULLs';

-- Casts of halfvec. Only vector becomes halfvec implicitly, not the reverse: an operator between the two has one meaning.

CREATE FUNCTION halfvec(halfvec, integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec';
COMMENT ON FUNCTION halfvec(halfvec, integer, boolean) IS 'adjust halfvec to typmod dimensions';

CREATE FUNCTION array_to_halfvec(integer[], integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_halfvec';
COMMENT ON FUNCTION array_to_halfvec(integer[], integer, boolean) IS 'convert integer[] to halfvec';

CREATE FUNCTION array_to_halfvec(real[], integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_halfvec';
COMMENT ON FUNCTION array_to_halfvec(real[], integer, boolean) IS 'convert real[] to halfvec';

CREATE FUNCTION array_to_halfvec(double precision[], integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_halfvec';
COMMENT ON FUNCTION array_to_halfvec(double precision[], integer, boolean) IS 'convert double precision[] to halfvec';

CREATE FUNCTION array_to_halfvec(numeric[], integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_array_to_halfvec';
COMMENT ON FUNCTION array_to_halfvec(numeric[], integer, boolean) IS 'convert numeric[] to halfvec';

CREATE FUNCTION halfvec_to_float4(halfvec, integer, boolean) RETURNS real[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_to_float4';
COMMENT ON FUNCTION halfvec_to_float4(halfvec, integer, boolean) IS 'convert halfvec to real[]';

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_to_halfvec';
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'convert vector to halfvec';

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_to_vector';
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'convert halfvec to vector';

CREATE CAST (halfvec AS halfvec)
    WITH FUNCTION halfvec(halfvec, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (halfvec AS halfvec) IS 'checks the number of dimensions';

CREATE CAST (vector AS halfvec)
    WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS halfvec) IS 'rounds each element to binary16';

CREATE CAST (halfvec AS vector)
    WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS vector) IS 'the same elements';

CREATE CAST (halfvec AS real[])
    WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS real[]) IS 'elements as an array';

CREATE CAST (integer[] AS halfvec)
    WITH FUNCTION array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS halfvec) IS 'elements of a flat array without NULLs';

CREATE CAST (real[] AS halfvec)
    WITH FUNCTION array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS halfvec) IS 'elements of a flat array without NULLs';

CREATE CAST (double precision[] AS halfvec)
    WITH FUNCTION array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS halfvec) IS 'elements of a flat array without NULLs';

CREATE CAST (numeric[] AS halfvec)
    WITH FUNCTION array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS halfvec) IS 'elements of a flat array without NULLs';
