-- avg and sum of vector and halfvec, with partial aggregation.

CREATE FUNCTION vector_accum(double precision[], vector) RETURNS double precision[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_accum';
COMMENT ON FUNCTION vector_accum(double precision[], vector) IS 'aggregate transition function';

CREATE FUNCTION vector_combine(double precision[], double precision[]) RETURNS double precision[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_combine';
COMMENT ON FUNCTION vector_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION vector_avg(double precision[]) RETURNS vector
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_avg';
COMMENT ON FUNCTION vector_avg(double precision[]) IS 'aggregate final function';

-- The state is the count and the sums, in binary64; {0} is no rows.
CREATE AGGREGATE avg(vector) (
    SFUNC = vector_accum, STYPE = double precision[], FINALFUNC = vector_avg,
    COMBINEFUNC = vector_combine, INITCOND = '{0}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(vector) IS 'the average (arithmetic mean) of all vectors, element by element';

CREATE AGGREGATE sum(vector) (
    SFUNC = vector_add, STYPE = vector, COMBINEFUNC = vector_add, PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(vector) IS 'the sum of all vectors, element by element';

CREATE FUNCTION halfvec_accum(double precision[], halfvec) RETURNS double precision[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_accum';
COMMENT ON FUNCTION halfvec_accum(double precision[], halfvec) IS 'aggregate transition function';

CREATE FUNCTION halfvec_combine(double precision[], double precision[]) RETURNS double precision[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_combine';
COMMENT ON FUNCTION halfvec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION halfvec_avg(double precision[]) RETURNS halfvec
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_avg';
COMMENT ON FUNCTION halfvec_avg(double precision[]) IS 'aggregate final function';

CREATE AGGREGATE avg(halfvec) (
    SFUNC = halfvec_accum, STYPE = double precision[], FINALFUNC = halfvec_avg,
    COMBINEFUNC = halfvec_combine, INITCOND = '{0}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(halfvec) IS 'the average (arithmetic mean) of all vectors, element by element';

CREATE AGGREGATE sum(halfvec) (
    SFUNC = halfvec_add, STYPE = halfvec, COMBINEFUNC = halfvec_add, PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(halfvec) IS 'the sum of all vectors, element by element';
