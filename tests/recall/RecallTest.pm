# Servers and seeded rows for the tests of this folder.
package RecallTest;

use strict;
use warnings;
use Exporter 'import';
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(start_server fill_clustered insert_clustered delete_and_vacuum images_of load_images METRICS);

# Operator and operator class of each metric.
use constant METRICS => (
	[ 'l2', '<->', 'vector_l2_ops' ],
	[ 'ip', '<#>', 'vector_ip_ops' ],
	[ 'cosine', '<=>', 'vector_cosine_ops' ],
	[ 'l1', '<+>', 'vector_l1_ops' ]);

# A server with the extension and no autovacuum: rows and index change only when a test says so.
sub start_server
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf(
		'postgresql.conf', q(
autovacuum = off
fsync = off
jit = off
shared_buffers = 256MB
maintenance_work_mem = 256MB
));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION annex');
	return $node;
}

# A table `items` (id, embedding) and a table `queries`, empty, and the function that draws their rows.
# Rows lie around `clusters` centres; `spread` is how far from them, relative to the distance between centres.
sub fill_clustered
{
	my ($node, %option) = @_;
	my ($dims, $clusters, $spread) = @option{qw(dims clusters spread)};
	$node->safe_psql(
		'postgres', qq(
DROP TABLE IF EXISTS items, queries, centres;
SELECT setseed(0.42);
CREATE TABLE centres AS
    SELECT c, array_agg(random() - 0.5 ORDER BY d) AS centre
    FROM generate_series(0, $clusters - 1) c, generate_series(1, $dims) d GROUP BY c ORDER BY c;
CREATE OR REPLACE FUNCTION near_centre(c integer) RETURNS vector LANGUAGE sql VOLATILE AS \$\$
    SELECT array_agg(x + $spread * (random() + random() + random() - 1.5) ORDER BY d)::vector
    FROM centres, unnest(centre) WITH ORDINALITY u (x, d) WHERE centres.c = near_centre.c \$\$;
CREATE TABLE items (id integer PRIMARY KEY, embedding vector($dims));
CREATE TABLE queries (id integer PRIMARY KEY, embedding vector($dims));
INSERT INTO queries SELECT i, near_centre(i % $clusters) FROM generate_series(1, $option{queries}) i;
));
	insert_clustered($node, 1, $option{rows}, $clusters, 0.1);
	return;
}

sub insert_clustered
{
	my ($node, $first, $last, $clusters, $seed) = @_;
	$node->safe_psql(
		'postgres', qq(
SELECT setseed($seed);
INSERT INTO items SELECT i, near_centre(i % $clusters) FROM generate_series($first, $last) i;
ANALYZE items;
));
	return;
}

sub delete_and_vacuum
{
	my ($node, $condition) = @_;
	$node->safe_psql('postgres', "DELETE FROM items WHERE $condition");
	$node->safe_psql('postgres', 'VACUUM items');
	return;
}

# Images of the Debian package dataset-fashion-mnist.
use constant { PIXELS => 784, FOLDER => '/usr/share/datasets/fashion-mnist' };

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

my @element = map { pack('f>', $_) } 0 .. 255;

# Makes `table` (id, embedding) of images, by binary COPY: an id and a vector (int16 dimensions, int16 zero, binary32 elements) in
# network byte order. Whether all went well.
sub load_images
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
	return close($copy);
}

1;
