# Proves on real data: 60,000 images of 784 bits, set where a pixel of Fashion-MNIST is at least half bright, 500 queries of the
# test split. Distances of bits are few, so the tenth nearest has many equals: recall counts distances, not rows.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant QUERIES => 500;

my $node = start_server('bits');

# Images as bit strings, brightness 128 and above a one, through COPY.
sub load
{
	my ($table, @images) = @_;
	my $bits = length $images[0];
	$node->safe_psql('postgres', "CREATE TABLE $table (id integer, bits bit($bits))");
	open(my $copy, '|-', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
		'-c', "COPY $table FROM STDIN") or die "could not start psql: $!";
	my $id = 0;
	for my $image (@images)
	{
		$image =~ tr/\x00-\x7f/0/;
		$image =~ tr/0/1/c;
		$id++;
		print $copy "$id\t$image\n";
	}
	ok(close($copy), "$id rows loaded into $table");
	return;
}

load('images', @{ images_of('train') });
load('queries', @{ images_of('t10k') }[ 0 .. QUERIES- 1 ]);
is($node->safe_psql('postgres', 'SELECT count(*), min(length(bits)), max(length(bits)) FROM images'), '60000|784|784', '60,000 images of 784 bits');

my %floor = (hamming => { 40 => 0.98, 200 => 0.993 }, jaccard => { 40 => 0.96, 200 => 0.987 });
for my $metric (sort keys %floor)
{
	$node->safe_psql('postgres', "CREATE INDEX images_idx ON images USING hnsw (bits bit_${metric}_ops)");
	for my $ef_search (sort { $a <=> $b } keys %{ $floor{$metric} })
	{
		my ($count, $recall, $approx_ms, $exact_ms) = split /\|/, $node->safe_psql(
			'postgres', qq(
SELECT count(*), avg(recall), avg(approx_ms)::numeric(9, 2), max(exact_ms)::numeric(9, 2)
FROM annex.recall('images_idx', (SELECT array_agg(bits ORDER BY id) FROM queries), 10, $ef_search)));
		is($count, QUERIES, "$metric, ef_search $ef_search: every query is answered");
		cmp_ok($recall, '>=', $floor{$metric}{$ef_search}, "$metric, ef_search $ef_search: recall $recall, $approx_ms ms by the index, $exact_ms ms by the table");
	}
	is($node->safe_psql('postgres', q(SELECT count(*) FROM annex.verify('images_idx', true))), 0, "$metric: nothing is wrong with the index");
	$node->safe_psql('postgres', 'DROP INDEX images_idx');
}

$node->stop;
done_testing();
