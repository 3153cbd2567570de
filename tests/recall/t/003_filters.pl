# Proves: in strict order a filter that lets 1 %, 10 % or 50 % of the rows through gives exactly k rows, and recall of .95
# or more against exact search, also where it lets one place through only; in relaxed order no row is ever lost, however
# few there are.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant { DIMS => 32, CLUSTERS => 40, ROWS => 10000, QUERIES => 30, K => 10 };

# The form of each metric's index; tests/README.md tells which test has the other one.
my %form = (l2 => 'compact', ip => 'inline', cosine => 'inline', l1 => 'compact');

my $node = start_server('filters');
fill_clustered($node, dims => DIMS, clusters => CLUSTERS, spread => 0.4, rows => ROWS, queries => QUERIES);
# `part` is independent of the place; `cluster` is not: only one cluster in forty passes.
$node->safe_psql(
	'postgres', qq(
ALTER TABLE items ADD COLUMN part integer, ADD COLUMN cluster integer;
UPDATE items SET part = hashint4(id) & 127, cluster = id % @{[CLUSTERS]};
VACUUM FULL items;
ANALYZE items;
));

# The distances that each query returns, in its order.
sub search
{
	my ($operator, $filter, $settings) = @_;
	my $query = qq(
SELECT (SELECT string_agg(distance::text, ' ') FROM (SELECT embedding $operator queries.embedding AS distance FROM items
        WHERE $filter ORDER BY embedding $operator queries.embedding LIMIT @{[K]}) s)
FROM queries ORDER BY id);
	my $plan = $node->safe_psql('postgres', "$settings EXPLAIN (COSTS off) $query");
	return ($plan, map { [ split / / ] } split /\n/, $node->safe_psql('postgres', "$settings $query"));
}

sub filtered
{
	my ($operator, $filter, $mode, $name, $floor) = @_;
	my $rows = $node->safe_psql('postgres', "SELECT least(count(*), @{[K]}) FROM items WHERE $filter");
	my ($exact_plan, @exact) = search($operator, $filter, 'SET enable_indexscan = off;');
	my ($plan, @returned) = search($operator, $filter,
		"SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET hnsw.iterative_scan = $mode;");
	unlike($exact_plan, qr/items_idx/, "$name: the referee does not use the index");
	like($plan, qr/Index Scan using items_idx/, "$name goes through the index");
	is(scalar @returned, QUERIES, "$name: every query is answered");
	my ($found, $short) = (0, 0);
	for my $query (0 .. QUERIES- 1)
	{
		my $limit = $exact[$query][-1] + 1e-6 * abs($exact[$query][-1]);
		$short++ if @{ $returned[$query] } != $rows;
		$found += grep { $_ <= $limit } @{ $returned[$query] };
	}
	is($short, 0, "$name: always $rows rows");
	my $recall = $found / ($rows * QUERIES);
	cmp_ok($recall, '>=', $floor // 0.95, "$name: recall $recall");
	return;
}

for (METRICS)
{
	my ($metric, $operator, $class) = @$_;
	$node->safe_psql('postgres', "CREATE INDEX items_idx ON items USING hnsw (embedding $class) WITH (storage = $form{$metric})");
	filtered($operator, 'part = 5', 'strict_order', "$metric, about 1 %");
	filtered($operator, 'part < 13', 'strict_order', "$metric, about 10 %");
	filtered($operator, 'part < 64', 'strict_order', "$metric, 50 %");
	# The rows that pass lie far from most queries, behind all that do not: strict order drops what it finds late there.
	filtered($operator, 'cluster = 7', 'strict_order', "$metric, one cluster of forty", 0.85);
	filtered($operator, 'id IN (17, 1234, 7000, 9999)', 'relaxed_order', "$metric, four rows");
	$node->safe_psql('postgres', 'DROP INDEX items_idx');
}

$node->stop;
done_testing();
