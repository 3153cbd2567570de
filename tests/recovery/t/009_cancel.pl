# A cancel is served before the next unit of work begins, in every kind of work: the server kills a backend that begins
# another unit while a cancel is pending. The session goes on, and the index is as good as before.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $rows = 5000;
my $node = new_node('cancel_points');
my $before = times_ready($node);

sub create_index
{
	my ($form) = @_;
	return "CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 6, ef_construction = 24, storage = $form)";
}

sub load
{
	$node->safe_psql('postgres', <<SQL);
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, $rows) id;
SQL
	return;
}

# Runs `sql` after `settings` in a session that is cancelled when the first unit of the kind `unit` begins.
sub cancel_in
{
	my ($unit, $sql, $name, $settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = $node->psql('postgres',
		"$settings SET annex.cancelpoint = '$unit';\n$sql;\nRESET annex.cancelpoint;\nSELECT 'goes on'",
		on_error_stop => 0);
	like($err, qr/canceling statement due to user request/, "$name: PostgreSQL's message");
	is($out, 'goes on', "$name: the session goes on");
	is(times_ready($node), $before, "$name: no unit began after the cancel");
	return;
}

# Builds: in memory and, where memory is short, in parts.
load();
for (in_both_forms('initializing, sample_row', 'loading, load_row', 'writing, write_page'))
{
	my ($form, $kind) = @$_;
	my ($unit) = $kind =~ /, (.*)/;
	for my $memory ('64MB', '1MB')
	{
		my $name = "build $kind, $form, $memory";
		cancel_in($unit, create_index($form), $name, "SET maintenance_work_mem = '$memory';");
		is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 't_v')), 0, "$name: no index is left");
	}
}

# Scans that nothing bounds: of the graph, from a row that does not exist on, and of all pages. Then inserts and a vacuum.
my $unbounded = 'SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 1000;'
  . ' SET hnsw.max_scan_tuples = 2147483647; SET hnsw.scan_mem_multiplier = 1000;';
my $no_row = 'SELECT id FROM t WHERE id < 0 ORDER BY v <-> vec(7) LIMIT 1';
for my $form (FORMS)
{
	load();
	$node->safe_psql('postgres', create_index($form));
	for my $order (qw(relaxed_order strict_order))
	{
		cancel_in('search_lists', $no_row, "scan in $order, $form", "$unbounded SET hnsw.iterative_scan = $order;");
	}
	cancel_in('scan_page', 'SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(7)) AS every_row',
		"scan of all pages, $form", "$unbounded SET hnsw.iterative_scan = strict_order;");
	cancel_in('search_lists', "INSERT INTO t SELECT id, vec(id) FROM generate_series(10001, 10100) id", "insert, $form", '');
	$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 5 = 0');
	cancel_in('vacuum_page', 'VACUUM t', "vacuum, $form", '');
	verify_index($node, 't_v', "all of these, $form");
	check_rows($node, "all of these, $form", [ grep { $_ % 5 } 1 .. 200 ], [ 10001 .. 10010 ]);
}

# Advice: in its builds and in its searches, all inside a subtransaction.
for my $unit (qw(sample_row load_row write_page search_lists))
{
	cancel_in($unit, q(SELECT annex.advise('t', 'v', 0.9, metric => 'l2')), "advice, $unit", '');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relpersistence = 't')), 0, "advice, $unit: nothing is left");
}

# A cancel from another session, in the midst of a statement that would scan the whole index a million times.
for my $order (qw(relaxed_order strict_order))
{
	my $name = "pg_cancel_backend during scans in $order";
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query("$unbounded SET hnsw.iterative_scan = $order");
	$session->query_until(qr/begun/, <<SQL);
\\echo begun
SELECT count(*) FROM generate_series(1, 1000000) AS i, LATERAL (SELECT id FROM t WHERE id < -i ORDER BY v <-> vec(7) LIMIT 1) AS found;
SQL
	$node->poll_query_until('postgres', "SELECT state = 'active' AND query LIKE '%LATERAL%' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'the scan does not begin';
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	is($session->query('SELECT id FROM t ORDER BY v <-> vec(7) LIMIT 1'), 7, "$name: the session goes on and searches");
	like($session->{stderr}, qr/canceling statement due to user request/, "$name: PostgreSQL's message");
	$session->{stderr} = '';
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP|buffer refcount leak|resource was not closed/, 'nothing crashed, nothing leaked');
$node->stop;
done_testing();
