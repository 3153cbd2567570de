-- Distance functions and their operators: <-> <#> <=> <+> on dense vectors, <~> <%> on bit strings.

CREATE FUNCTION l2_distance(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_l2_distance';
COMMENT ON FUNCTION l2_distance(vector, vector) IS 'Euclidean distance';

CREATE FUNCTION inner_product(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_inner_product';
COMMENT ON FUNCTION inner_product(vector, vector) IS 'inner product';

CREATE FUNCTION cosine_distance(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_cosine_distance';
COMMENT ON FUNCTION cosine_distance(vector, vector) IS 'cosine distance, 1 - cosine similarity';

CREATE FUNCTION l1_distance(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_l1_distance';
COMMENT ON FUNCTION l1_distance(vector, vector) IS 'taxicab distance';

CREATE FUNCTION hamming_distance(bit, bit) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_hamming_distance';
COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'number of bits that differ';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_jaccard_distance';
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS 'Jaccard distance, 1 - common bits / all bits set';

-- For operators, operator classes and other extensions.

CREATE FUNCTION vector_l2_squared_distance(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_l2_squared_distance';
COMMENT ON FUNCTION vector_l2_squared_distance(vector, vector) IS 'square of the Euclidean distance';

CREATE FUNCTION vector_negative_inner_product(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_negative_inner_product';
COMMENT ON FUNCTION vector_negative_inner_product(vector, vector) IS 'implementation of <#> operator';

CREATE FUNCTION vector_spherical_distance(vector, vector) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_vector_spherical_distance';
COMMENT ON FUNCTION vector_spherical_distance(vector, vector) IS 'angle of two unit vectors as a part of a half turn';

CREATE OPERATOR <-> (
    LEFTARG = vector, RIGHTARG = vector, FUNCTION = l2_distance,
    COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (vector, vector) IS 'Euclidean distance';

CREATE OPERATOR <#> (
    LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_negative_inner_product,
    COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (vector, vector) IS 'negative inner product';

CREATE OPERATOR <=> (
    LEFTARG = vector, RIGHTARG = vector, FUNCTION = cosine_distance,
    COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (vector, vector) IS 'cosine distance';

CREATE OPERATOR <+> (
    LEFTARG = vector, RIGHTARG = vector, FUNCTION = l1_distance,
    COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (vector, vector) IS 'taxicab distance';

CREATE OPERATOR <~> (
    LEFTARG = bit, RIGHTARG = bit, FUNCTION = hamming_distance,
    COMMUTATOR = <~>
);
COMMENT ON OPERATOR <~> (bit, bit) IS 'Hamming distance';

CREATE OPERATOR <%> (
    LEFTARG = bit, RIGHTARG = bit, FUNCTION = jaccard_distance,
    COMMUTATOR = <%>
);
COMMENT ON OPERATOR <%> (bit, bit) IS 'Jaccard distance';

-- halfvec.

CREATE FUNCTION l2_distance(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_l2_distance';
COMMENT ON FUNCTION l2_distance(halfvec, halfvec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_inner_product';
COMMENT ON FUNCTION inner_product(halfvec, halfvec) IS 'inner product';

CREATE FUNCTION cosine_distance(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_cosine_distance';
COMMENT ON FUNCTION cosine_distance(halfvec, halfvec) IS 'cosine distance, 1 - cosine similarity';

CREATE FUNCTION l1_distance(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_l1_distance';
COMMENT ON FUNCTION l1_distance(halfvec, halfvec) IS 'taxicab distance';

CREATE FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_l2_squared_distance';
COMMENT ON FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) IS 'square of the Euclidean distance';

CREATE FUNCTION halfvec_negative_inner_product(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_negative_inner_product';
COMMENT ON FUNCTION halfvec_negative_inner_product(halfvec, halfvec) IS 'implementation of <#> operator';

CREATE FUNCTION halfvec_spherical_distance(halfvec, halfvec) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_halfvec_spherical_distance';
COMMENT ON FUNCTION halfvec_spherical_distance(halfvec, halfvec) IS 'angle of two unit vectors as a part of a half turn';

CREATE OPERATOR <-> (
    LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = l2_distance,
    COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (halfvec, halfvec) IS 'Euclidean distance';

CREATE OPERATOR <#> (
    LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_negative_inner_product,
    COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (halfvec, halfvec) IS 'negative inner product';

CREATE OPERATOR <=> (
    LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = cosine_distance,
    COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (halfvec, halfvec) IS 'cosine distance';

CREATE OPERATOR <+> (
    LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = l1_distance,
    COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (halfvec, halfvec) IS 'taxicab distance';
