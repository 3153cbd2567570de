# Proves: a build in a quarter of the memory that it would need finds, for each metric, as much as one that fits, within
# .01; with the smallest maintenance_work_mem too an index comes out whole, unlogged, CONCURRENTLY and by REINDEX.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant { DIMS => 48, CLUSTERS => 40, ROWS => 16_000, QUERIES => 400, K => 10 };
# About 400 bytes a row.
use constant { FITS => '256MB', QUARTER => '1600kB' };

# The form of each metric's index; tests/README.md tells which test has the other one.
my %form = (vector_l2_ops => 'inline', vector_ip_ops => 'compact', vector_cosine_ops => 'inline', vector_l1_ops => 'compact');

my $node = start_server('small_memory');
# One thread: the same graph in every run.
$node->append_conf('postgresql.conf', 'max_parallel_maintenance_workers = 0');
$node->reload;

# Builds an index and returns what the server said.
sub build
{
	my ($memory, $class, $way) = @_;
	my ($code, $out, $err) = $node->psql(
		'postgres', qq(
SET maintenance_work_mem = '$memory';
DROP INDEX IF EXISTS items_idx;
CREATE INDEX $way items_idx ON items USING hnsw (embedding $class) WITH (storage = $form{$class})));
	is($code, 0, "$class in $memory $way") or diag $err;
	return $err;
}

sub recall_at
{
	my ($ef_search) = @_;
	return $node->safe_psql(
		'postgres', qq(
SELECT avg(recall) FROM annex.recall('items_idx', (SELECT array_agg(embedding ORDER BY id) FROM queries), @{[K]}, $ef_search)));
}

sub is_whole
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', q(SELECT * FROM annex.verify('items_idx', deep => true))), '', "$name: annex.verify finds nothing");
	is($node->safe_psql('postgres', q(SELECT reltuples FROM pg_class WHERE relname = 'items_idx')), ROWS, "$name: every row is in it");
	return;
}

fill_clustered($node, dims => DIMS, clusters => CLUSTERS, spread => 0.4, rows => ROWS, queries => QUERIES);
# Rows of equal vectors, far apart in the table: they share a node also when the graph is built in parts.
$node->safe_psql('postgres', 'UPDATE items SET embedding = (SELECT embedding FROM items WHERE id = 1) WHERE id % 100 = 0');
$node->safe_psql('postgres', 'VACUUM FULL items');
my $nodes = ROWS - ROWS / 100;

for my $metric (METRICS)
{
	my ($name, undef, $class) = @$metric;
	unlike(build(FITS, $class, ''), qr/no longer fits/, "$name fits");
	my %fits = map { ($_ => recall_at($_)) } (40, 100);
	like(build(QUARTER, $class, ''), qr/no longer fits.*built in parts/s, "$name does not fit into a quarter");
	for my $ef_search (40, 100)
	{
		my $recall = recall_at($ef_search);
		cmp_ok($recall, '>=', $fits{$ef_search} - 0.01, "$name, ef_search $ef_search: $recall in parts, $fits{$ef_search} at once");
	}
	is_whole("$name in parts");
	is($node->safe_psql('postgres', q(SELECT nodes FROM annex.index_info('items_idx'))), $nodes, "$name in parts: equal vectors share a node");
}

# The smallest setting that the server knows.
build('1MB', 'vector_l2_ops', 'CONCURRENTLY');
is_whole('CONCURRENTLY, 1 MB');
$node->safe_psql('postgres', q(SET maintenance_work_mem = '1MB'; REINDEX INDEX items_idx));
is_whole('REINDEX, 1 MB');
$node->safe_psql('postgres', q(SET maintenance_work_mem = '1MB'; DROP INDEX items_idx; ALTER TABLE items SET UNLOGGED));
build('1MB', 'vector_l2_ops', '');
is_whole('unlogged, 1 MB');

# Inserts and vacuum go on from there.
insert_clustered($node, ROWS + 1, ROWS + 1000, CLUSTERS, 0.2);
delete_and_vacuum($node, 'id % 3 = 1');
is($node->safe_psql('postgres', q(SELECT * FROM annex.verify('items_idx', deep => true))), '', 'after inserts and vacuum');
$node->stop;
done_testing();
