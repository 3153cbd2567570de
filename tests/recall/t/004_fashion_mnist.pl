# Proves on real data: 60,000 images of 784 pixels, 1,000 queries of the test split, recall@10 by Euclidean distance of at
# least .985 at ef_search 40 and .998 at 200, measured by annex.recall.
use strict;
use warnings;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Test::More;
use RecallTest;

use constant { PIXELS => 784, QUERIES => 1000, FOLDER => '/usr/share/datasets/fashion-mnist' };

# The pixels of an IDX file, one string of bytes an image.
sub images_of
{
	my ($file) = @_;
	my $path = FOLDER . "/$file-images-idx3-ubyte.gz";
	gunzip($path => \my $data) or die "could not read $path: $GunzipError";
	my ($magic, $count, $rows, $columns) = unpack('N4', $data);
	die "$path is not the expected file" if $magic != 2051 || $rows * $columns != PIXELS;
	return [ unpack('x16 (a' . PIXELS . ')' . $count, $data) ];
}

# Binary COPY: an id and a vector (int16 dimensions, int16 zero, binary32 elements) in network byte order.
my @element = map { pack('f>', $_) } 0 .. 255;

sub load
{
	my ($node, $table, $images) = @_;
	$node->safe_psql('postgres', "CREATE TABLE $table (id integer, embedding vector(@{[PIXELS]}))");
	open(my $copy, '|-', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
		'-c', "COPY $table FROM STDIN (FORMAT binary)") or die "could not start psql: $!";
	binmode $copy;
	print $copy "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0);
	my $id = 0;
	for my $image (@$images)
	{
		print $copy pack('n N N N n n', 2, 4, ++$id, 4 + 4 * PIXELS, PIXELS, 0),
		  join('', @element[ unpack('C*', $image) ]);
	}
	print $copy pack('n', 0xffff);
	ok(close($copy), "$id rows loaded into $table");
	return;
}

my $node = start_server('fashion_mnist');
load($node, 'images', images_of('train'));
load($node, 'queries', [ @{ images_of('t10k') }[ 0 .. QUERIES- 1 ] ]);
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
