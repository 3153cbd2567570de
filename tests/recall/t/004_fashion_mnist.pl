# Proves on real data: 60,000 images of 784 pixels, 1,000 queries of the test split, recall@10 by Euclidean distance of at
# least .985 at ef_search 40 and .998 at 200, measured by annex.recall.
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

$node->stop;
done_testing();
