# A few rows far from all others, to which only an upper level leads, are linked on level 0 by the next vacuum that has
# something to repair: a search that starts elsewhere finds the way. The test reads the edges from the file, and cuts
# there those that lead to the rows.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

use constant { PAGE => 8192, OPAQUE => 16, NODE_PAGE => 2, LIVE => 1, COUNT => 3, HEAD => 56 };

my $node = new_node('islands');

sub index_file { return $node->data_dir . '/' . $node->safe_psql('postgres', q(SELECT pg_relation_filepath('t_v'))) }

# Level 0 of an index: for each row, by block and line pointer, the place of its node in the file and its neighbors' rows.
sub base_graph
{
	my ($path) = @_;
	open my $in, '<:raw', $path or die "could not read the index: $!";
	my (%row_of, %list_of, %place_of);
	for (my $block = 0; read($in, my $page, PAGE) == PAGE; $block++)
	{
		next if unpack('v', substr($page, PAGE - OPAQUE + 4)) != NODE_PAGE;
		my $count = (unpack('v', substr($page, 12)) - 24) / 4;
		for my $offset (1 .. $count)
		{
			my $pointer = unpack('V', substr($page, 20 + 4 * $offset));
			my $item = substr($page, $pointer & 0x7fff, $pointer >> 17);
			next if unpack('C', $item) != LIVE;
			my $name = "$block,$offset";
			$row_of{$name} = unpack('V', substr($item, 8)) . ',' . unpack('v', substr($item, 16));
			$place_of{$name} = $block * PAGE + ($pointer & 0x7fff);
			my $neighbors = unpack('C', substr($item, COUNT));
			$list_of{$name} = [ map { join ',', unpack('Vv', substr($item, HEAD + DIMS + 8 * $_)) } 0 .. $neighbors - 1 ];
		}
	}
	close $in;
	return { map { $row_of{$_} => { place => $place_of{$_}, list => [ map { $row_of{$_} // () } @{ $list_of{$_} } ] } } keys %row_of };
}

# The places of the nodes of rows outside %$far that lead to rows of it.
sub ways_in
{
	my ($graph, $far) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(grep { $graph->{$_} } keys %$far), scalar(keys %$far), 'every far row is in the file');
	my @places;
	for my $row (grep { !$far->{$_} } keys %$graph)
	{
		push @places, $graph->{$row}{place} if grep { $far->{$_} } @{ $graph->{$row}{list} };
	}
	return @places;
}

for my $form (FORMS)
{
	$node->safe_psql('postgres', <<SQL);
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int PRIMARY KEY, c int, v vector(16) NOT NULL);
INSERT INTO t SELECT id, 0, vec(id) FROM generate_series(1, 50) id;
INSERT INTO t SELECT id, 1, vec(id) * array_fill(0.01::real, ARRAY[16])::vector + array_fill(90::real, ARRAY[16])::vector
	FROM generate_series(51, 90) id;
INSERT INTO t SELECT id, 0, vec(id) FROM generate_series(91, 4000) id;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 20, storage = $form);
SQL
	my $rows = $node->safe_psql('postgres', q(SELECT string_agg(trim(ctid::text, '()'), ' ') FROM t WHERE c = 1));
	my %far = map { $_ => 1 } split ' ', $rows;
	my $path = index_file();
	$node->stop;
	my @cut = ways_in(base_graph($path), \%far);
	open my $file, '+<:raw', $path or die "could not write the index: $!";
	for my $place (@cut)
	{
		seek $file, $place + COUNT, 0;
		print $file "\0";
	}
	close $file;
	is(scalar(ways_in(base_graph($path), \%far)), 0, "$form: @{[ scalar @cut ]} nodes led to the far rows, none does now");
	$node->start;
	verify_index($node, 't_v', "$form, upper levels alone");

	$node->safe_psql('postgres', 'DELETE FROM t WHERE id = 4000');
	$node->safe_psql('postgres', 'VACUUM t');
	$node->safe_psql('postgres', 'CHECKPOINT');
	cmp_ok(scalar(ways_in(base_graph($path), \%far)), '>', 0, "$form: after vacuum a node of level 0 leads to the far rows");
	verify_index($node, 't_v', "$form, after vacuum");
	my $lost = $node->safe_psql('postgres', <<'SQL');
SET enable_seqscan = off;
SET hnsw.ef_search = 1000;
SELECT count(*) FROM t AS far WHERE c = 1 AND (SELECT count(*) FROM (SELECT c FROM t ORDER BY v <-> far.v LIMIT 40) AS near WHERE c = 1) < 40;
SQL
	is($lost, 0, "$form: every far row finds the others");
}
$node->stop;
done_testing();
