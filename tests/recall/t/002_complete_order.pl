# Proves: a list as long as the table finds what exact search finds, and an unbounded scan in strict order returns every
# live row exactly once with distances that never fall; also after deletes, inserts and vacuum, and when clusters lie
# far apart.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant { DIMS => 16, QUERIES => 5 };

# The form of each metric's index; tests/README.md tells which test has the other one.
my %form = (l2 => 'inline', ip => 'inline', cosine => 'compact', l1 => 'compact');

my $node = start_server('complete_order');

sub distances
{
	my ($operator, $query, $settings, $tail) = @_;
	return $node->safe_psql(
		'postgres', qq(
$settings
SELECT embedding $operator (SELECT embedding FROM queries WHERE id = $query) FROM items
ORDER BY embedding $operator (SELECT embedding FROM queries WHERE id = $query) $tail));
}

my $by_index = 'SET enable_seqscan = off; SET enable_sort = off;';
my $by_table = 'SET enable_indexscan = off;';

sub plan_uses_index
{
	my ($operator, $settings, $tail, $name) = @_;
	my $plan = $node->safe_psql(
		'postgres', qq(
$settings
EXPLAIN (COSTS off) SELECT id FROM items ORDER BY embedding $operator (SELECT embedding FROM queries WHERE id = 1) $tail));
	like($plan, qr/Index Scan using items_idx/, "$name goes through the index");
	return;
}

# Every live row once, nearest first. The server orders the rows; Perl counts and compares them.
sub is_complete
{
	my ($operator, $name) = @_;
	my $settings = "$by_index SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 2147483647;";
	plan_uses_index($operator, $settings, '', $name);
	my @ids = sort { $a <=> $b } split /\n/, $node->safe_psql('postgres', 'SELECT id FROM items');
	for my $query (1 .. QUERIES)
	{
		my @rows = map { [ split /\|/ ] } split /\n/, $node->safe_psql(
			'postgres', qq(
$settings
SELECT id, embedding $operator (SELECT embedding FROM queries WHERE id = $query) FROM items
ORDER BY embedding $operator (SELECT embedding FROM queries WHERE id = $query)));
		my @returned = sort { $a <=> $b } map { $_->[0] } @rows;
		is("@returned", "@ids", "$name, query $query: every live row once");
		my @falls = grep { $rows[$_][1] < $rows[ $_ - 1 ][1] } 1 .. $#rows;
		is(scalar @falls, 0, "$name, query $query: distances never fall");
	}
	return;
}

for (METRICS)
{
	my ($metric, $operator, $class) = @$_;
	fill_clustered($node, dims => DIMS, clusters => 10, spread => 0.4, rows => 1000, queries => QUERIES);
	$node->safe_psql('postgres', "CREATE INDEX items_idx ON items USING hnsw (embedding $class) WITH (storage = $form{$metric})");
	plan_uses_index($operator, $by_index, 'LIMIT 1000', $metric);
	for my $query (1 .. QUERIES)
	{
		is( distances($operator, $query, "$by_index SET hnsw.ef_search = 1000;", 'LIMIT 1000'),
			distances($operator, $query, $by_table, 'LIMIT 1000'),
			"$metric, query $query: 1,000 rows at ef_search 1000 are exact");
	}
	is_complete($operator, "$metric, built");
	delete_and_vacuum($node, 'id % 2 = 0');
	is_complete($operator, "$metric, half deleted and vacuumed");
	insert_clustered($node, 1001, 1600, 10, 0.5);
	is_complete($operator, "$metric, inserted into freed places");
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
	is_complete($operator, "$metric, deleted without vacuum");
	delete_and_vacuum($node, 'id % 10 IN (0, 4)');
	is_complete($operator, "$metric, whole clusters deleted and vacuumed");
}

# Clusters so far apart that no neighbour list leads from one to the other by distance alone.
for my $form (qw(inline compact))
{
	fill_clustered($node, dims => DIMS, clusters => 20, spread => 0.0001, rows => 3000, queries => QUERIES);
	$node->safe_psql('postgres',
		"CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops) WITH (m = 4, ef_construction = 16, storage = $form)");
	is_complete('<->', "separated clusters, $form");
	insert_clustered($node, 3001, 4000, 20, 0.6);
	delete_and_vacuum($node, 'id % 20 < 10');
	is_complete('<->', "separated clusters, $form, half of them deleted and vacuumed");
}

$node->stop;
done_testing();
