# The machine dies while pages are being written: a page of the index is half old and half new. With
# full_page_writes the WAL holds each page whole, and recovery puts it back.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $page_size = 8192;
srand(20260215);

for my $form (FORMS)
{
	my $node = new_node("torn_$form");
	$node->safe_psql('postgres', <<SQL);
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 1500) id;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 8, storage = $form);
CHECKPOINT;
SQL
	my $file = $node->safe_psql('postgres', q(SELECT pg_relation_filepath('t_v')));
	my $old = slurp_file($node->data_dir . "/$file");

	# Changes of every kind of page: nodes, upper items, chunks of equal rows, lists repaired, slots freed and used again.
	$node->safe_psql('postgres', <<'SQL');
DELETE FROM t WHERE id % 4 = 0;
VACUUM t;
INSERT INTO t SELECT id, vec(id) FROM generate_series(2001, 2600) id;
DELETE FROM t WHERE id % 4 = 1;
SQL
	my @present = grep { $_ % 4 > 1 } 1 .. 1500, 2001 .. 2600;
	push @present, grep { $_ % 4 == 0 } 2001 .. 2600;
	my @absent = grep { $_ % 4 < 2 } 1 .. 1500;

	kill_server($node);

	# What recovery makes of it without torn pages, from a copy: the new halves.
	$node->backup_fs_cold('crashed');
	my $twin = PostgreSQL::Test::Cluster->new("twin_$form");
	$twin->init_from_backup($node, 'crashed');
	$twin->start;
	$twin->stop;
	my $new = slurp_file($twin->data_dir . "/$file");

	# Sectors of 512 bytes reach the disk in any order: a random half of them did.
	my $torn = 0;
	open my $data, '+<:raw', $node->data_dir . "/$file" or die "could not open $file: $!";
	for my $block (0 .. length($new) / $page_size - 1)
	{
		my $new_page = substr $new, $block * $page_size, $page_size;
		my $old_page = $block * $page_size < length $old ? substr($old, $block * $page_size, $page_size) : "\0" x $page_size;
		next if $new_page eq $old_page;
		my $page = $old_page;
		for my $sector (0 .. 15)
		{
			substr($page, $sector * 512, 512) = substr($new_page, $sector * 512, 512) if rand() < 0.5;
		}
		$torn++ if $page ne $old_page && $page ne $new_page;
		seek $data, $block * $page_size, 0;
		print $data $page;
	}
	close $data;
	cmp_ok($torn, '>', 20, "$torn of " . length($new) / $page_size . " pages are torn, $form");

	$node->start;
	verify_index($node, 't_v', "torn pages, $form");
	check_rows($node, "torn pages, $form", \@present, \@absent);
	$node->safe_psql('postgres', 'VACUUM t; INSERT INTO t SELECT id, vec(id) FROM generate_series(3001, 3300) id');
	verify_index($node, 't_v', "torn pages, $form, after use");
	check_rows($node, "torn pages, $form, after use", [ @present, 3001 .. 3300 ], \@absent);
	$node->stop;
}
done_testing();

sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};
	kill 'STOP', $postmaster;
	my @children = children_of($postmaster);
	kill 'KILL', @children;
	$node->kill9;
	wait_until(sub { !grep { kill 0, $_ } $postmaster, @children }, 'the end of all processes');
	return;
}
