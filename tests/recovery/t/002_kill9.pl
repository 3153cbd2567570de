# The whole server dies by kill -9 at 24 random moments while clients insert, delete, search and vacuum. All its
# processes are stopped first, so that what each was doing at that moment can be read, then killed. Each kind of index
# meets some of the kills.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);
use Test::More;
use AnnexTest;

# The kind of index that each kill meets.
my %times = (inline => 4, compact => 4, (UPPER_CODES) => 6, halfvec => 4, sparsevec => 3, bit => 3);
my @kinds = map { ($_) x $times{$_} } KINDS;
my $writers = 3;
my $batch = 400;
my $seed = 20260214;
srand($seed);

my $node = new_node('kill9');
my $kills = @kinds;
my $rows = 600;
my ($next, $hits, $writes_hit) = (1001, 0, 0);
my ($kind, %present);

# A statement that prints the ids it was acknowledged for.
sub statement
{
	my ($verb, @ids) = @_;
	return "DELETE FROM t WHERE id = $ids[0] RETURNING 'delete', id;\n" if $verb eq 'delete';
	return 'INSERT INTO t VALUES ' . join(', ', map { "($_, own($_))" } @ids) . " RETURNING 'insert', id;\n";
}

for my $kill (1 .. $kills)
{
	my $name = "kill $kill, $kinds[$kill - 1]";
	if (!defined $kind || $kind ne $kinds[$kill - 1])
	{
		$kind = $kinds[$kill - 1];
		make_table($node, $kind, $rows);
		%present = map { $_ => 1 } 1 .. $rows;
	}
	my $operator = operator_of($kind);
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
		  . join('', map { "SELECT 'search', count(*) FROM (SELECT id FROM t ORDER BY v $operator own($_) LIMIT 10) AS nearest;\n" } 1 .. 5000));

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
		my ($who) = $client->{base} =~ /client_(\w+)$/;
		unlike($err, qr/ERROR|PANIC/, "$name: no error before it in $who");
		my %told = map { $_ => 1 } split /\n/, $out;
		for my $statement (@{ $script{$who} // [] })
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
		ok($happened == 0 || $happened == @ids, "$name: the open $verb happened or not");
		$present{$_} = $table{$_} for @ids;
	}
	is_deeply([ sort keys %table ], [ sort grep { $present{$_} } keys %present ],
		"$name: the table has all acknowledged rows and none that was deleted");
	verify_index($node, 't_v', $name);
	# The rows of this round and a quarter of the others; verify has walked to all of them.
	my $sample = "(id >= $from OR id % 4 = $kill % 4)";
	is(lost_rows($node, $sample), '', "$name: rows are found by their own vector");
	is(wrong_rows($node), '', "$name: the index returns the table's rows, each once");
	next if $kill < $kills && $kinds[$kill] eq $kind;
	$node->safe_psql('postgres', 'VACUUM t');
	verify_index($node, 't_v', "after the last vacuum, $kind");
	is(lost_rows($node), '', "after the last vacuum, $kind: every row is found by its own vector");
}

note "$hits of $kills kills hit an operation in flight, $writes_hit inserts and deletes in all (seed $seed)";
diag "$hits of $kills kills hit an operation in flight, $writes_hit inserts and deletes in all";
cmp_ok($hits, '>=', $kills / 2, 'at least half of the kills hit an operation in flight');
$node->stop;
done_testing();
