# annex.stat_hnsw with shared_preload_libraries: scans, rows, distances and times of all sessions, exact to the last one and not
# seen to wait for a transaction; gone after a crash. The scans of a champion's index and of its challenger's grow as traffic is
# routed, by 10,000 searches.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('counted', conf => "shared_preload_libraries = 'annex'\n");
my $columns = "scans, tuples, distances > 0, total_ms > 0, (SELECT sum(h) FROM unnest(histogram) h), cardinality(histogram), shared";
sub counted { my ($index) = @_; return $node->safe_psql('postgres', "SELECT $columns FROM annex.stat_hnsw WHERE index = '$index'::regclass") }

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 1000) id;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE TABLE empty (v vector(2));
CREATE INDEX empty_v ON empty USING hnsw (v vector_l2_ops);
SQL
is(counted('t_v'), '0|0|f|f|0|32|t', 'an index that was never scanned has counts of zero');
my $search = 'SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(%d) LIMIT 10) found;';
$node->safe_psql('postgres', sprintf($search, $_)) for 1 .. 3;
like(counted('t_v'), qr/^3\|\d\d\|t\|t\|3\|32\|t$/, 'scans of several sessions add up');
$node->safe_psql('postgres', 'BEGIN;' . sprintf($search, 4) . 'ROLLBACK');
like(counted('t_v'), qr/^4\|/, 'one of a transaction that was rolled back counts');
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM (SELECT FROM empty ORDER BY v <-> \'[1,2]\' LIMIT 1) x'), 0, 'nothing is found in an empty index');
is(counted('empty_v'), '1|0|f|t|1|32|t', 'but the scan counts');
my $distances = $node->safe_psql('postgres', <<'SQL');
SET enable_seqscan = off;
SELECT distances AS before FROM annex.stat_hnsw WHERE index = 't_v'::regclass \gset
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(5) LIMIT 10) found \g /dev/null
SELECT l.distances + l.upper_distances = s.distances - :before FROM annex.last_scan() l, annex.stat_hnsw s WHERE s.index = 't_v'::regclass;
SQL
is($distances, 't', 'distances are those that annex.last_scan tells of');
# The time is that of searches, not that of whoever takes the rows: a cursor that waits adds nothing.
is($node->safe_psql('postgres', <<'SQL'), 't', 'a cursor that waits for half a second does not search meanwhile');
SET enable_seqscan = off;
SELECT total_ms AS before, clock_timestamp() AS start FROM annex.stat_hnsw WHERE index = 't_v'::regclass \gset
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> vec(6);
FETCH 1 FROM c \g /dev/null
SELECT pg_sleep(0.5) \g /dev/null
FETCH 1 FROM c \g /dev/null
CLOSE c;
COMMIT;
SELECT total_ms > :before AND total_ms - :before <= 1000 * extract(epoch FROM clock_timestamp() - :'start') - 500 FROM annex.stat_hnsw WHERE index = 't_v'::regclass;
SQL
is($node->safe_psql('postgres', <<'SQL'), '1|f|t', 'a temporary index has the counts of PostgreSQL');
SET enable_seqscan = off;
CREATE TEMPORARY TABLE own AS SELECT id, v FROM t;
CREATE INDEX own_v ON own USING hnsw (v vector_l2_ops);
SELECT count(*) FROM (SELECT id FROM own ORDER BY v <-> vec(7) LIMIT 10) found \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT scans, shared, distances IS NULL FROM annex.stat_hnsw WHERE index = 'own_v'::regclass;
SQL
# Another database has indexes of its own.
$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE postgres');
is($node->safe_psql('other', q(SELECT scans FROM annex.stat_hnsw WHERE index = 't_v'::regclass)), 0, 'the same OID in another database is another index');

note 'promise 8: monitoring of latency, while a tenth of the users is sent to the challenger';
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE docs (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 1100) i;
SELECT annex.register_model('docs', 'docs', 'id', 'body');
SELECT annex.register_version('docs', 8), annex.register_version('docs', 16);
INSERT INTO docs_v1 SELECT id, vec(id::int, 8), annex.content_hash(body) FROM docs;
INSERT INTO docs_v2 SELECT id, vec(id::int, 16), annex.content_hash(body) FROM docs;
SELECT annex.index_ddl('docs', v) FROM generate_series(1, 2) v \gexec
SELECT annex.promote('docs', 1);
SELECT annex.challenge('docs', 2, 0.10, 'click');
CREATE FUNCTION searches(count int) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	arm record;
	found bigint = 0;
	one bigint;
BEGIN
	FOR i IN 1 .. count LOOP
		SELECT version, dim INTO arm FROM annex.route('docs', 'user-' || i);
		IF arm.version = 1 THEN
			SELECT id INTO one FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> vec(i, 8) LIMIT 1;
		ELSE
			SELECT id INTO one FROM docs_embeddings WHERE version = 2 ORDER BY embedding <=> vec(i, 16) LIMIT 1;
		END IF;
		found := found + (one IS NOT NULL)::int;
	END LOOP;
	RETURN found;
END
$$;
SQL
is($node->safe_psql('postgres', 'SELECT searches(10000)'), 10000, 'ten thousand routed searches');
my $scans = $node->safe_psql('postgres', q(SELECT string_agg(scans::text, '|' ORDER BY index::text) FROM annex.stat_hnsw WHERE index::text LIKE 'docs%'));
my ($champion, $challenger) = split /\|/, $scans;
is($champion + $challenger, 10000, "each is counted: $scans");
# Of 10,000 units a tenth, give or take five standard deviations: 1000 +- 150.
cmp_ok(abs($challenger - 1000), '<=', 150, 'nine to one');
# What is recorded of it: the mean of the scans since the last time.
my $latency = q{SELECT string_agg(version || ' ' || n || ' ' || (value > 0)::text || ' ' || (abs(value * n - (detail ->> 'total_ms')::float8) < 1e-6)::text, ', ' ORDER BY id)
	FROM annex.measurement WHERE kind = 'latency'};
$node->safe_psql('postgres', 'SELECT annex.maintain()');
is($node->safe_psql('postgres', $latency), "1 $champion true true, 2 $challenger true true", 'maintain records the time of a search for both');
$node->safe_psql('postgres', 'SELECT annex.maintain()');
is($node->safe_psql('postgres', "SELECT count(*) FROM annex.measurement WHERE kind = 'latency'"), 2, 'once: there is nothing new');
$node->safe_psql('postgres', q(SET enable_seqscan = off; SELECT id FROM docs_v2 ORDER BY embedding <=> vec(1, 16) LIMIT 1));
$node->safe_psql('postgres', 'SELECT annex.maintain()');
is($node->safe_psql('postgres', q(SELECT version, n, (detail ->> 'scans')::int FROM annex.measurement WHERE kind = 'latency' ORDER BY id DESC LIMIT 1)),
	'2|1|' . ($challenger + 1), 'then of what is new');

# A backend is killed: all processes begin anew, with memory of zeros.
my $before = times_ready($node);
my (undef, undef, $error) = $node->psql('postgres', "SET annex.failpoint = 'insert_search';\nINSERT INTO t SELECT 2001, vec(2001)", on_error_stop => 0);
like($error, qr/server closed the connection unexpectedly/, 'a backend was killed');
wait_restarted($node, $before);
is(counted('t_v'), '0|0|f|f|0|32|t', 'a crash forgets the counts');
$node->safe_psql('postgres', sprintf($search, 8));
like(counted('t_v'), qr/^1\|\d\d\|t\|t\|1\|32\|t$/, 'and counting goes on');

# Without preloading there are PostgreSQL's own counts.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('postgres', sprintf($search, 9));
like($node->safe_psql('postgres', q(SELECT scans > 0, tuples > 0, distances, total_ms, histogram, shared FROM annex.stat_hnsw WHERE index = 't_v'::regclass)),
	qr/^t\|t\|\|\|\|f$/, 'not preloaded, distances and times are not known');

$node->stop;
done_testing();
