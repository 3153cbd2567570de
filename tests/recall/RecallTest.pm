# Servers and seeded rows for the tests of this folder.
package RecallTest;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(start_server fill_clustered insert_clustered delete_and_vacuum METRICS);

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

1;
