# Indexes through everything that PostgreSQL does around them: dump and restore, unlogged and temporary tables,
# prepared transactions, subtransactions, and the CONCURRENTLY commands under writes. Some indexes are inline, some compact.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('surroundings');

sub by_index    # rows that a search without a bound returns
{
	my ($table) = @_;
	return "SET enable_seqscan = off; SET hnsw.iterative_scan = relaxed_order; SET hnsw.max_scan_tuples = 2147483647; "
	  . "SELECT count(*) FROM (SELECT id FROM $table ORDER BY v <-> vec(1)) AS by_index";
}

# Dump and restore, in plain text and in the custom format.
$node->safe_psql('postgres', 'CREATE DATABASE original');
$node->safe_psql('original', <<'SQL');
CREATE EXTENSION annex;
CREATE FUNCTION vec(id int, dims int DEFAULT 16) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint8(id::bigint * 4096 + j)::float8 / 2147483648)::real ORDER BY j)::vector
	FROM generate_series(1, dims) j
$$;
CREATE TABLE t (id int PRIMARY KEY, kind int, v vector(16), w vector);
INSERT INTO t SELECT id, id % 4, CASE WHEN id % 50 > 0 THEN vec(id) END, vec(id, 8) FROM generate_series(1, 1000) id;
CREATE INDEX t_l2 ON t USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 40, storage = inline);
CREATE INDEX t_partial ON t USING hnsw (v vector_cosine_ops) WHERE kind = 1;
CREATE INDEX t_expression ON t USING hnsw ((w::vector(8)) vector_ip_ops) WITH (storage = inline);
CREATE INDEX t_btree ON t (v);
CREATE MATERIALIZED VIEW sums AS SELECT kind, avg(v) AS mean, sum(v) AS total FROM t GROUP BY kind;
SQL
my $answers = <<'SQL';
SET enable_seqscan = off;
SET hnsw.ef_search = 1000;
SELECT 'rows', count(*), md5(string_agg(t::text, ';' ORDER BY id)) FROM t;
SELECT 'indexes', string_agg(pg_get_indexdef(indexrelid), ';' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 't'::regclass;
SELECT 'forms', form FROM unnest(ARRAY['t_l2', 't_partial', 't_expression']) i, annex.index_info(i::regclass);
SELECT 'view', string_agg(sums::text, ';' ORDER BY kind) FROM sums;
SELECT 'l2', array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> vec(5001) LIMIT 20) AS nearest;
SELECT 'cosine', array_agg(id) FROM (SELECT id FROM t WHERE kind = 1 ORDER BY v <=> vec(5002) LIMIT 20) AS nearest;
SELECT 'ip', array_agg(id) FROM (SELECT id FROM t ORDER BY w::vector(8) <#> vec(5003, 8) LIMIT 20) AS nearest;
SQL
my $plans = join ';', 'SET enable_seqscan = off; SET enable_sort = off',
  'EXPLAIN (COSTS off) SELECT id FROM t ORDER BY v <-> vec(5001) LIMIT 20',
  'EXPLAIN (COSTS off) SELECT id FROM t WHERE kind = 1 ORDER BY v <=> vec(5002) LIMIT 20',
  'EXPLAIN (COSTS off) SELECT id FROM t ORDER BY w::vector(8) <#> vec(5003, 8) LIMIT 20';
my $original = $node->safe_psql('original', $answers);
for my $format (qw(plain custom))
{
	my $file = $node->basedir . "/dump.$format";
	$node->command_ok([ 'pg_dump', "--format=$format", '-f', $file, $node->connstr('original') ], "$format dump");
	$node->safe_psql('postgres', "CREATE DATABASE restored_$format TEMPLATE template0");
	my $target = $node->connstr("restored_$format");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $target, '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', '-j', 2, '-d', $target, $file ],
		"$format restore");
	is($node->safe_psql("restored_$format", $answers), $original, "$format: all answers are those of the original");
	my $plan = $node->safe_psql("restored_$format", $plans);
	like($plan, qr/using $_ on/, "$format: $_ answers") for qw(t_l2 t_partial t_expression);
	verify_index($node, $_, "$format, $_", "restored_$format") for qw(t_l2 t_partial t_expression);
}

# An unlogged table is empty after a crash, and so is its index; both can be used.
$node->safe_psql('postgres', <<'SQL');
CREATE UNLOGGED TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (storage = inline);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 300) id;
SQL
is($node->safe_psql('postgres', by_index('t')), 300, 'unlogged table: the index answers');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', by_index('t')), 0, 'unlogged table: empty after a crash');
verify_index($node, 't_v', 'unlogged table after a crash');
$node->safe_psql('postgres', 'INSERT INTO t SELECT id, vec(id) FROM generate_series(301, 700) id; DELETE FROM t WHERE id % 3 = 0; VACUUM t');
verify_index($node, 't_v', 'unlogged table in use again');
check_rows($node, 'unlogged table', [ grep { $_ % 3 } 301 .. 700 ], [ 1 .. 300 ]);
$node->restart;
check_rows($node, 'unlogged table after a clean restart', [ grep { $_ % 3 } 301 .. 700 ], [ 1 .. 300 ]);
$node->safe_psql('postgres', 'DROP TABLE t');

# Temporary tables live in local buffers.
my $temporary = $node->safe_psql('postgres', <<'SQL' . by_index('pg_temp.mine'));
SET temp_buffers = '1MB';
CREATE TEMP TABLE mine (id int PRIMARY KEY, v vector(16));
CREATE INDEX ON mine USING hnsw (v vector_l2_ops) WITH (storage = inline);
INSERT INTO mine SELECT id, vec(id) FROM generate_series(1, 4000) id;
DELETE FROM mine WHERE id % 4 = 0;
VACUUM mine;
INSERT INTO mine SELECT id, vec(id) FROM generate_series(5001, 5500) id;
SQL
is($temporary, 3500, 'temporary table: the index returns every row');

# Prepared transactions, over a crash.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 100) id;
BEGIN;
INSERT INTO t SELECT id, vec(id) FROM generate_series(101, 150) id;
DELETE FROM t WHERE id <= 10;
PREPARE TRANSACTION 'kept';
BEGIN;
INSERT INTO t SELECT id, vec(id) FROM generate_series(201, 250) id;
DELETE FROM t WHERE id BETWEEN 11 AND 20;
PREPARE TRANSACTION 'dropped';
SQL
is($node->safe_psql('postgres', by_index('t')), 100, 'prepared transactions: not visible');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', by_index('t')), 100, 'prepared transactions: not visible after a crash');
$node->safe_psql('postgres', "VACUUM t; COMMIT PREPARED 'kept'; ROLLBACK PREPARED 'dropped'");
check_rows($node, 'prepared transactions', [ 11 .. 150 ], [ 1 .. 10, 201 .. 250 ]);
$node->safe_psql('postgres', 'VACUUM t');
verify_index($node, 't_v', 'prepared transactions');
check_rows($node, 'prepared transactions, after a vacuum', [ 11 .. 150 ], [ 1 .. 10, 201 .. 250 ]);

# Subtransactions that roll back, among rows that stay.
$node->safe_psql('postgres', <<'SQL');
BEGIN;
INSERT INTO t SELECT id, vec(id) FROM generate_series(301, 320) id;
SAVEPOINT one;
INSERT INTO t SELECT id, vec(id) FROM generate_series(321, 340) id;
DELETE FROM t WHERE id BETWEEN 301 AND 310;
ROLLBACK TO one;
INSERT INTO t SELECT id, vec(id) FROM generate_series(341, 360) id;
COMMIT;
DO $$
BEGIN
	FOR i IN 401 .. 440 LOOP
		BEGIN
			INSERT INTO t VALUES (i, vec(i));
			IF i % 2 = 0 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END
$$;
SQL
my @stayed = (301 .. 320, 341 .. 360, grep { $_ % 2 } 401 .. 440);
my @undone = (321 .. 340, grep { $_ % 2 == 0 } 401 .. 440);
check_rows($node, 'subtransactions', \@stayed, \@undone);
$node->safe_psql('postgres', 'VACUUM t');
verify_index($node, 't_v', 'subtransactions');
check_rows($node, 'subtransactions, after a vacuum', \@stayed, \@undone);

# CREATE and REINDEX INDEX CONCURRENTLY while four clients write.
$node->safe_psql('postgres', <<'SQL');
DROP TABLE t;
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1000001, 1003000) id;
SQL
my $script = $node->basedir . '/writes.sql';
append_to_file($script, <<'SQL');
\set n :n + 1
\set id :client_id * 200000 + :n
BEGIN;
INSERT INTO t VALUES (:id, vec(:id));
DELETE FROM t WHERE id = :id - 7;
UPDATE t SET v = v WHERE id = :id - 3;
COMMIT;
SQL
my $writes = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 4, '-T', 60, '-D', 'n=0', '-f', $script, $node->connstr('postgres') ],
	'>', \my $bench_out, '2>', \my $bench_err);
$node->poll_query_until('postgres', 'SELECT count(*) > 20 FROM t WHERE id < 1000000') or die 'no writes came';
for my $command (
	'CREATE INDEX CONCURRENTLY t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 8, storage = inline)',
	'REINDEX INDEX CONCURRENTLY t_v')
{
	$node->safe_psql('postgres', $command);
	my $name = (split ' ', $command)[0] . ' CONCURRENTLY';
	is($node->safe_psql('postgres', "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass"), 't', "$name: the index is valid");
	# One snapshot for both counts.
	is( $node->safe_psql('postgres', <<'SQL'), 't', "$name: the index has the rows of the table, under writes");
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 2147483647;
SET hnsw.scan_mem_multiplier = 1000;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL enable_indexscan = off;
CREATE TEMP TABLE by_table AS SELECT id FROM t;
SET LOCAL enable_indexscan = on;
SET LOCAL enable_seqscan = off;
CREATE TEMP TABLE by_index AS SELECT id FROM t ORDER BY v <-> vec(0);
SELECT (SELECT count(*) FROM by_table) > 3000 AND EXISTS (SELECT FROM by_table WHERE id < 1000000) AND NOT EXISTS (SELECT FROM by_table FULL JOIN by_index USING (id)
	GROUP BY id HAVING count(by_table.id) <> 1 OR count(by_index.id) <> 1);
SQL
}
$writes->signal('INT');
$writes->finish;
unlike($bench_err, qr/ERROR/, 'no error in the writing clients');
verify_index($node, 't_v', 'CONCURRENTLY');
is(wrong_rows($node), '', 'CONCURRENTLY: the index returns the table\'s rows, each once');
$node->safe_psql('postgres', 'VACUUM t');
verify_index($node, 't_v', 'CONCURRENTLY, after a vacuum');
is(lost_rows($node, 'id % 5 = 0'), '', 'CONCURRENTLY, after a vacuum: rows are found by their own vector');
$node->stop;
done_testing();
