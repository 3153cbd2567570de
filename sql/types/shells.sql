-- Shell types, so that the input and output functions can name the types they belong to.
--
-- The scripts of this folder leave names unqualified: CREATE EXTENSION runs them with nothing on the search
-- path but pg_catalog and the schema that the extension's objects go to.

CREATE TYPE vector;
CREATE TYPE halfvec;
CREATE TYPE sparsevec;
