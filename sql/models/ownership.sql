-- The last script: what pg_dump carries, and whose the tables are. The extension is trusted, so a script runs as the bootstrap
-- superuser, while tables must belong to whoever created the extension: else that role could not dump them. No grant
-- on a table may come before this. Functions, types and the schema stay with the superuser: the owner cannot replace code.

SELECT pg_catalog.pg_extension_config_dump('annex.model', '');
SELECT pg_catalog.pg_extension_config_dump('annex.version', '');
SELECT pg_catalog.pg_extension_config_dump('annex.retirement', '');
SELECT pg_catalog.pg_extension_config_dump('annex.artifact', '');
SELECT pg_catalog.pg_extension_config_dump('annex.deployment', '');
SELECT pg_catalog.pg_extension_config_dump('annex.deployment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('annex.experiment', '');
SELECT pg_catalog.pg_extension_config_dump('annex.experiment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('annex.exposure', '');
SELECT pg_catalog.pg_extension_config_dump('annex.exposure_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('annex.outcome', '');
SELECT pg_catalog.pg_extension_config_dump('annex.outcome_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('annex.sentinel', '');
SELECT pg_catalog.pg_extension_config_dump('annex.query_sample', '');
SELECT pg_catalog.pg_extension_config_dump('annex.query_sample_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('annex.measurement', '');
SELECT pg_catalog.pg_extension_config_dump('annex.measurement_id_seq', '');

ALTER TABLE annex.model OWNER TO @extowner@;
ALTER TABLE annex.version OWNER TO @extowner@;
ALTER TABLE annex.retirement OWNER TO @extowner@;
ALTER TABLE annex.artifact OWNER TO @extowner@;
ALTER TABLE annex.deployment OWNER TO @extowner@;
ALTER TABLE annex.experiment OWNER TO @extowner@;
ALTER TABLE annex.exposure OWNER TO @extowner@;
ALTER TABLE annex.outcome OWNER TO @extowner@;
ALTER TABLE annex.sentinel OWNER TO @extowner@;
ALTER TABLE annex.query_sample OWNER TO @extowner@;
ALTER TABLE annex.measurement OWNER TO @extowner@;
ALTER VIEW annex.alias OWNER TO @extowner@;
ALTER VIEW annex.history OWNER TO @extowner@;
ALTER VIEW annex.status OWNER TO @extowner@;
ALTER VIEW annex.stat_hnsw OWNER TO @extowner@;
