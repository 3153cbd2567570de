# What the recovery tests share: clusters with annex, rows whose vector follows from their id, and the checks that
# hold after every crash. Nothing here waits for time to pass; everything polls for a state.
package AnnexTest;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  new_node times_ready wait_restarted wait_until verify_index check_rows lost_rows wrong_rows slow_client finish_client
  backends_of children_of next_form in_both_forms DIMS FORMS
);

use constant DIMS => 16;
# What nodes of an index may be made of: the option `storage`. Left to itself an index of so few dimensions is compact.
use constant FORMS => qw(inline compact);

# A row's vector follows from its id: whoever knows which ids are acknowledged can check rows, vectors and index.
my $helpers = <<'SQL';
CREATE EXTENSION annex;
CREATE FUNCTION vec(id int, dims int DEFAULT 16) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint8(id::bigint * 4096 + j)::float8 / 2147483648)::real ORDER BY j)::vector
	FROM generate_series(1, dims) j
$$;
-- The row that the index finds first for the vector of `id`; all of a small table is searched.
CREATE FUNCTION nearest(id int) RETURNS int LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET hnsw.ef_search = 1000 AS $$
DECLARE
	found int;
BEGIN
	EXECUTE format('SELECT id FROM t ORDER BY v <-> %L LIMIT 1', vec(id)) INTO found;
	RETURN found;
END
$$;
SQL

# A running cluster with the settings of crash tests, annex and the functions above in database postgres.
sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%params);
	$node->append_conf('postgresql.conf', slurp_file($ENV{ANNEX_RECOVERY_CONF}));
	# Vacuum comes when a test asks for it; the log stays readable.
	$node->append_conf('postgresql.conf', "autovacuum = off\nlog_statement = none\nmax_connections = 60\n");
	$node->append_conf('postgresql.conf', $params{conf}) if defined $params{conf};
	$node->start;
	$node->safe_psql('postgres', $helpers);
	return $node;
}

# One form after the other, for tests that make several indexes.
my $form_count = 0;

sub next_form { return (FORMS)[ $form_count++ % 2 ] }

# Pairs of a form and each of the arguments.
sub in_both_forms
{
	my @cases = @_;
	return map { my $form = $_; map { [ $form, $_ ] } @cases } FORMS;
}

# Polls `condition` without a fixed pause between two states of the server.
sub wait_until
{
	my ($condition, $what) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
	until ($condition->())
	{
		die "timed out waiting for $what" if time > $deadline;
		select(undef, undef, undef, 0.02);
	}
	return;
}

# How often the server has come up, by its log.
sub times_ready
{
	my ($node) = @_;
	my @lines = slurp_file($node->logfile) =~ /database system is ready to accept connections/g;
	return scalar @lines;
}

# Waits until a server that restarts after a backend's crash has come up again, for which it was ready `before` times.
sub wait_restarted
{
	my ($node, $before) = @_;
	wait_until(sub { times_ready($node) > $before }, 'restart after crash');
	return;
}

# Processes whose parent is `pid`.
sub children_of
{
	my ($pid) = @_;
	my @children;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $stat or next;    # ended meanwhile
		my $line = <$file> // next;
		my ($child, $parent) = $line =~ /^(\d+) \(.*\) \S (\d+) /s or next;
		push @children, $child if $parent == $pid;
	}
	return @children;
}

# Titles (what the backend does) of processes.
sub backends_of
{
	my %titles;
	for my $pid (@_)
	{
		open my $file, '<', "/proc/$pid/cmdline" or next;
		my $title = <$file> // '';
		$title =~ s/\0+/ /g;
		$titles{$pid} = $title;
	}
	return %titles;
}

# Deep verification of an index finds no error.
sub verify_index
{
	my ($node, $index, $name, $database) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $findings = $node->safe_psql($database // 'postgres',
		"SELECT * FROM annex.verify('$index'::regclass, true) WHERE severity = 'error'");
	is($findings, '', "$name: verify finds no error");
	return;
}

# Ids of table t that the index does not find by their own vector.
sub lost_rows
{
	my ($node, $where) = @_;
	$where //= 'true';
	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM t WHERE $where AND nearest(id) IS DISTINCT FROM id");
}

# Rows that the index returns beside what the table holds: more, fewer, twice, or with another row's vector.
sub wrong_rows
{
	my ($node) = @_;
	return $node->safe_psql('postgres', <<'SQL');
SET enable_seqscan = off;
SET enable_sort = off;
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 2147483647;
SET hnsw.scan_mem_multiplier = 1000;
CREATE TEMP TABLE by_index AS SELECT id, v FROM t ORDER BY v <-> vec(0);
RESET ALL;
SELECT string_agg(id || ' ' || times || ' times', ', ' ORDER BY id)
FROM (SELECT id, count(*) AS times FROM by_index GROUP BY id HAVING count(*) > 1
	UNION ALL SELECT id, 0 FROM t WHERE id NOT IN (SELECT id FROM by_index)
	UNION ALL SELECT id, -1 FROM by_index WHERE id NOT IN (SELECT id FROM t) OR v <> vec(id)) AS wrong
SQL
}

# The checks after a crash: `present` are acknowledged ids, `absent` those whose delete was acknowledged.
sub check_rows
{
	my ($node, $name, $present, $absent) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $list = sub { @_ ? join(',', map { "($_)" } @_) : '(NULL::int)' };
	my $missing = $node->safe_psql('postgres',
		    'SELECT count(*) FROM (VALUES '
		  . $list->(@$present)
		  . ') AS acknowledged(id) WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM t)');
	is($missing, 0, "$name: the table has every acknowledged row");
	my $returned = $node->safe_psql('postgres',
		    'SELECT count(*) FROM (VALUES '
		  . $list->(@$absent)
		  . ') AS deleted(id) WHERE id IN (SELECT id FROM t) OR nearest(id) = id');
	is($returned, 0, "$name: no deleted row returns");
	is(lost_rows($node), '', "$name: every row is found by its own vector");
	is(wrong_rows($node), '', "$name: the index returns the table's rows, each once");
	return;
}

# Starts psql with a script in the background; its output goes to files beside the cluster.
sub slow_client
{
	my ($node, $name, $sql) = @_;
	my $base = $node->basedir . "/client_$name";
	append_to_file("$base.sql", $sql);
	my $handle = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$base.sql" ],
		'>', "$base.out", '2>', "$base.err");
	return { handle => $handle, base => $base };
}

# Waits for the end of a background client; returns its exit code, output and error output.
sub finish_client
{
	my ($client) = @_;
	$client->{handle}->finish;
	my $code = $client->{handle}->full_result(0) >> 8;
	my @texts = map { slurp_file("$client->{base}.$_") } qw(out err);
	unlink map { "$client->{base}.$_" } qw(sql out err);
	return ($code, @texts);
}

1;
