CREATE SCHEMA annex;
COMMENT ON SCHEMA annex IS 'functions, tables and views of annex';
GRANT USAGE ON SCHEMA annex TO PUBLIC;
