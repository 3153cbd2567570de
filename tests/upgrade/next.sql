-- An update as a release would have it: a table with a sequence, and a view. They go to the owner of the tables that are there:
-- @extowner@ is whoever runs the update, and the extension itself belongs to the superuser after pg_upgrade.
CREATE TABLE annex.made_up (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
CREATE VIEW annex.made_up_notes WITH (security_invoker = true) AS SELECT m.note FROM annex.made_up m;
SELECT pg_catalog.pg_extension_config_dump('annex.made_up', '');
SELECT pg_catalog.pg_extension_config_dump('annex.made_up_id_seq', '');
DO $$
DECLARE
    owner name := (SELECT pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) 'annex.model'::pg_catalog.regclass);
BEGIN
    EXECUTE pg_catalog.format('ALTER TABLE annex.made_up OWNER TO %I', owner);
    EXECUTE pg_catalog.format('ALTER VIEW annex.made_up_notes OWNER TO %I', owner);
END
$$;
