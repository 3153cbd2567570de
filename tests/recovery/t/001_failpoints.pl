# A backend dies after each step of an insert and between the passes of a vacuum. After the server's restart the
# index holds what was acknowledged and nothing that was deleted, before and after a vacuum that ends. In both forms, and where
# lists change also with codes on upper levels.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $rows = 400;
my $node = new_node('failpoints');

# A table with an index of low degree: more levels, fuller lists and evictions than a wide one of this size has.
sub load
{
	my ($form, $count) = @_;
	make_table($node, $form, 0, $form eq UPPER_CODES ? () : "m = 4, ef_construction = 32, storage = $form");
	$node->safe_psql('postgres', "INSERT INTO t SELECT id, own(id) FROM generate_series(1, $count) id");
	return;
}

# Runs `sql` in a session where `point` is armed; the server restarts.
sub crash_at
{
	my ($point, $sql) = @_;
	my $before = times_ready($node);
	my ($code, $out, $err) =
	  $node->psql('postgres', "SET annex.failpoint = '$point';\n$sql", on_error_stop => 0);
	like($err, qr/server closed the connection unexpectedly/, "$point: the backend was killed");
	wait_restarted($node, $before);
	return;
}

my @first = 1 .. $rows;

# One backend inserts rows until the point is hit: raising the entry point needs a node above all others.
for (in_both_forms(qw(insert_search insert_node insert_back_link insert_linked insert_entry)),
	map { [ UPPER_CODES, $_ ] } qw(insert_node insert_back_link insert_linked))
{
	my ($form, $point) = @$_;
	my $name = "$point, $form";
	# A new entry point needs a level above all others: soon there among few.
	my @first = 1 .. ($point eq 'insert_entry' ? 3 : $rows);
	load($form, scalar @first);
	crash_at($point, <<'SQL');
DO $$
BEGIN
	FOR i IN 10001 .. 20000 LOOP
		INSERT INTO t VALUES (i, own(i));
		COMMIT;
	END LOOP;
END
$$;
SQL
	my @later = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM t WHERE id > 10000 ORDER BY id');
	is_deeply(\@later, [ 10001 .. 10000 + @later ], "$name: the committed rows are the first ones");
	verify_index($node, 't_v', $name);
	check_rows($node, $name, [@first], [ 10001 + @later ]);
	# The row that was lost is inserted again, rows go, a vacuum repairs around the half-linked node.
	$node->safe_psql('postgres',
		"INSERT INTO t SELECT id, own(id) FROM generate_series(20001, 20050) id; DELETE FROM t WHERE id % 5 = 0; VACUUM t");
	verify_index($node, 't_v', "$name, after a vacuum");
	check_rows($node, "$name, after a vacuum", [ grep { $_ % 5 } @first ], [ grep { $_ % 5 == 0 } @first ]);
}

for (in_both_forms(qw(vacuum_page vacuum_deleted vacuum_repaired vacuum_relinked vacuum_freed)),
	map { [ UPPER_CODES, $_ ] } qw(vacuum_repaired vacuum_relinked))
{
	my ($form, $point) = @$_;
	my $name = "$point, $form";
	load($form, $rows);
	$node->safe_psql('postgres',
		'INSERT INTO t SELECT id, own(id) FROM generate_series(1001, 1100) id; DELETE FROM t WHERE id % 3 = 0');
	my @present = grep { $_ % 3 } 1 .. $rows;
	my @absent = grep { $_ % 3 == 0 } 1 .. $rows;
	crash_at($point, 'VACUUM t');
	verify_index($node, 't_v', $name);
	check_rows($node, $name, \@present, \@absent);
	$node->safe_psql('postgres', 'INSERT INTO t SELECT id, own(id) FROM generate_series(2001, 2100) id');
	verify_index($node, 't_v', "$name, after inserts");
	check_rows($node, "$name, after inserts", [ @present, 2001 .. 2100 ], \@absent);
	$node->safe_psql('postgres', 'DELETE FROM t WHERE id BETWEEN 2001 AND 2010; VACUUM t');
	verify_index($node, 't_v', "$name, after a vacuum");
	check_rows($node, "$name, after a vacuum", [ @present, 2011 .. 2100 ], [ @absent, 2001 .. 2010 ]);
}

# The same points when nothing is left: the entry point is a tombstone, and the next insert starts the index anew.
for (in_both_forms(qw(vacuum_deleted vacuum_repaired vacuum_freed)))
{
	my ($form, $point) = @$_;
	load($form, $rows);
	$node->safe_psql('postgres', 'DELETE FROM t');
	crash_at($point, 'VACUUM t');
	my $name = "$point, $form, all rows deleted";
	my ($code) = $node->psql('postgres',
		"SET statement_timeout = '30s'; INSERT INTO t SELECT id, own(id) FROM generate_series(3001, 3100) id");
	is($code, 0, "$name: inserts succeed");
	verify_index($node, 't_v', $name);
	check_rows($node, $name, [ 3001 .. 3100 ], [@first]);
	$node->safe_psql('postgres', 'VACUUM t');
	verify_index($node, 't_v', "$name, after a vacuum");
	check_rows($node, "$name, after a vacuum", [ 3001 .. 3100 ], [@first]);
}

# Equal vectors: rows of one node in its chain of chunks, removed in part, and again after the crash.
make_table($node, 'compact', 0, 'storage = compact');
$node->safe_psql('postgres', <<'SQL');
INSERT INTO t SELECT id, vec(id % 5) FROM generate_series(1, 5000) id;
DELETE FROM t WHERE id % 5 = 1 OR id % 3 = 0;
SQL
crash_at('vacuum_page', 'VACUUM t');
verify_index($node, 't_v', 'chains');
my $counts = <<'SQL';
SET enable_seqscan = off;
SET hnsw.ef_search = 1000;
SELECT (SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(0)) AS by_index)
	- (SELECT count(*) FROM t WHERE v IS NOT NULL)
SQL
is($node->safe_psql('postgres', $counts), 0, 'chains: every equal row is found once');
$node->safe_psql('postgres', 'VACUUM t; INSERT INTO t SELECT id, vec(id % 5) FROM generate_series(6001, 7000) id');
verify_index($node, 't_v', 'chains, after a vacuum');
is($node->safe_psql('postgres', $counts), 0, 'chains, after a vacuum: every equal row is found once');

$node->stop;
done_testing();
