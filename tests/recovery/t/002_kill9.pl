# The whole server dies by kill -9 at 20 random moments while clients insert, delete, search and vacuum. All its
# processes are stopped first, so that what each was doing at that moment can be read, then killed. Half of the kills meet
# an inline index, the others a compact one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);
use Test::More;
use AnnexTest;

my $kills = 20;
my $writers = 3;
my $batch = 400;
my $seed = 20260214;
srand($seed);

my $node = new_node('kill9');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 500) id;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 6, ef_construction = 40, storage = inline);
SQL

my %present = map { $_ => 1 } 1 .. 500;
my ($next, $hits, $writes_hit) = (1001, 0, 0);

# A statement that prints the ids it was acknowledged for.
sub statement
{
	my ($verb, @ids) = @_;
	return "DELETE FROM t WHERE id = $ids[0] RETURNING 'delete', id;\n" if $verb eq 'delete';
	return 'INSERT INTO t VALUES ' . join(', ', map { "($_, vec($_))" } @ids) . " RETURNING 'insert', id;\n";
}

for my $kill (1 .. $kills)
{
	$node->safe_psql('postgres', 'ALTER INDEX t_v SET (storage = compact); REINDEX INDEX t_v') if $kill == $kills / 2 + 1;
	# Each writer has rows of its own: new ones, and deletes of rows acknowledged before this round.
	my @old = sort { $a <=> $b } grep { $present{$_} } keys %present;
	my $from = $next;
	my (@clients, %script);
	for my $writer (1 .. $writers)
	{
		my @statements;
		for (1 .. $batch)
		{
			my @ids = $_ % 2 ? ($next++) : ($next++, $next++);
			push @statements, [ 'insert', @ids ];
			# The table stays small, so that every row can be checked after every kill.
			push @statements, [ 'delete', splice @old, int(rand @old), 1 ] if @old > 300;
		}
		$script{"writer_$writer"} = \@statements;
		push @clients, slow_client($node, "writer_$writer", join '', map { statement(@$_) } @statements);
	}
	push @clients, slow_client($node, 'vacuum', "VACUUM t;\n" x 1000);
	push @clients, slow_client($node, 'search',
		    "SET enable_seqscan = off; SET hnsw.ef_search = 100;\n"
		  . join('', map { "SELECT 'search', count(*) FROM (SELECT id FROM t ORDER BY v <-> vec($_) LIMIT 10) AS nearest;\n" } 1 .. 5000));

	# A moment between the first acknowledged write and the end of the load.
	wait_until(sub { (-s $clients[0]{base} . '.out') // 0 }, 'the first acknowledged write');
	my $until = time + 0.05 + rand 0.8;
	wait_until(sub { time >= $until }, 'the moment of the kill');

	my $postmaster = $node->{_pid};
	kill 'STOP', $postmaster;
	my @children = children_of($postmaster);
	kill 'STOP', @children;
	my %titles = backends_of(@children);
	my @busy = grep { /\b(INSERT|DELETE|VACUUM|COMMIT)\b/ } values %titles;
	$hits++ if @busy;
	$writes_hit += grep { !/VACUUM/ } @busy;
	kill 'KILL', @children;
	$node->kill9;
	wait_until(sub { !grep { kill 0, $_ } $postmaster, @children }, 'the end of all processes');

	# What each writer was told, and the one statement it was not told about, which happened as a whole or not at all.
	my @open;
	for my $client (@clients)
	{
		my (undef, $out, $err) = finish_client($client);
		my ($name) = $client->{base} =~ /client_(\w+)$/;
		unlike($err, qr/ERROR|PANIC/, "kill $kill: no error before it in $name");
		my %told = map { $_ => 1 } split /\n/, $out;
		for my $statement (@{ $script{$name} // [] })
		{
			my ($verb, @ids) = @$statement;
			if (!$told{"$verb|$ids[0]"})
			{
				push @open, $statement;
				last;
			}
			$present{$_} = $verb eq 'insert' for @ids;
		}
	}
	$node->start;

	my %table = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT id FROM t');
	for my $statement (@open)
	{
		my ($verb, @ids) = @$statement;
		my $happened = grep { $table{$_} } @ids;
		ok($happened == 0 || $happened == @ids, "kill $kill: the open $verb happened or not");
		$present{$_} = $table{$_} for @ids;
	}
	is_deeply([ sort keys %table ], [ sort grep { $present{$_} } keys %present ],
		"kill $kill: the table has all acknowledged rows and none that was deleted");
	verify_index($node, 't_v', "kill $kill");
	# The rows of this round and a quarter of the others; verify has walked to all of them.
	my $sample = "(id >= $from OR id % 4 = $kill % 4)";
	is(lost_rows($node, $sample), '', "kill $kill: rows are found by their own vector");
	is(wrong_rows($node), '', "kill $kill: the index returns the table's rows, each once");
}

note "$hits of $kills kills hit an operation in flight, $writes_hit inserts and deletes in all (seed $seed)";
diag "$hits of $kills kills hit an operation in flight, $writes_hit inserts and deletes in all";
cmp_ok($hits, '>=', $kills / 2, 'at least half of the kills hit an operation in flight');
$node->safe_psql('postgres', 'VACUUM t');
verify_index($node, 't_v', 'after the last vacuum');
is(lost_rows($node), '', 'after the last vacuum: every row is found by its own vector');
$node->stop;
done_testing();
