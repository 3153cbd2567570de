# Proves on real data: 60,000 images of 784 pixels, 1,000 queries of the test split, recall@10 by Euclidean distance of at
# least .985 at ef_search 40 and .998 at 200, measured by annex.recall; and floors of every operator class of halfvec for a tenth of
# both.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant { QUERIES => 1000 };

my $node = start_server('fashion_mnist');
ok(load_images($node, 'images', images_of('train')), 'images loaded');
ok(load_images($node, 'queries', [ @{ images_of('t10k') }[ 0 .. QUERIES- 1 ] ]), 'queries loaded');
is($node->safe_psql('postgres', 'SELECT count(*) FROM images'), 60000, '60,000 images');
$node->safe_psql('postgres', 'CREATE INDEX images_idx ON images USING hnsw (embedding vector_l2_ops)');

is($node->safe_psql('postgres', q(SELECT form FROM annex.index_info('images_idx'))), 'inline', 'the form for these dimensions');

my %floor = (40 => 0.985, 200 => 0.998);
for my $ef_search (sort { $a <=> $b } keys %floor)
{
	my ($count, $recall, $approx_ms, $exact_ms) = split /\|/, $node->safe_psql(
		'postgres', qq(
SELECT count(*), avg(recall), avg(approx_ms)::numeric(9, 2), max(exact_ms)::numeric(9, 2)
FROM annex.recall('images_idx', (SELECT array_agg(embedding ORDER BY id) FROM queries), 10, $ef_search)));
	is($count, QUERIES, "ef_search $ef_search: every query is answered");
	cmp_ok($recall, '>=', $floor{$ef_search}, "ef_search $ef_search: recall $recall, $approx_ms ms by the index, $exact_ms ms by the table");
}

# A pixel between 0 and 1 is rounded by binary16. By inner product the brightest images are near to every one.
$node->safe_psql(
	'postgres', q(
CREATE TABLE halves AS SELECT id, (embedding * array_fill(1 / 255.0, ARRAY[784])::vector)::halfvec(784) AS embedding FROM images WHERE id <= 6000;
CREATE TABLE half_queries AS SELECT id, (embedding * array_fill(1 / 255.0, ARRAY[784])::vector)::halfvec(784) AS embedding FROM queries WHERE id <= 100));
my %half_floor = (l2 => 0.98, ip => 0.88, cosine => 0.98, l1 => 0.98);
for my $metric (sort keys %half_floor)
{
	$node->safe_psql('postgres', "CREATE INDEX halves_idx ON halves USING hnsw (embedding halfvec_${metric}_ops)");
	my $form = $metric eq 'l1' ? 'compact' : 'inline';
	is($node->safe_psql('postgres', q(SELECT form FROM annex.index_info('halves_idx'))), $form, "halfvec, $metric: the form for these dimensions");
	my ($count, $recall) = split /\|/, $node->safe_psql(
		'postgres', q(
SELECT count(*), avg(recall) FROM annex.recall('halves_idx', (SELECT array_agg(embedding ORDER BY id) FROM half_queries), 10, 40)));
	is($count, 100, "halfvec, $metric: every query is answered");
	cmp_ok($recall, '>=', $half_floor{$metric}, "halfvec, $metric, ef_search 40: recall $recall");
	$node->safe_psql('postgres', 'DROP INDEX halves_idx');
}

$node->stop;
done_testing();
