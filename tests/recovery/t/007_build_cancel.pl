# A long build is cancelled, timed out and terminated in each of its phases: the command ends soon, its threads are
# gone, the server stays up and a later build succeeds. Other commands do not wait for a build. An error in the table's
# own functions leaves neither threads nor memory behind.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);
use Test::More;
use AnnexTest;

my $patience = 5;
my $node = new_node('cancel', conf => "maintenance_work_mem = 256MB\nshared_buffers = 128MB\n");
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.5);
CREATE TABLE t (id int PRIMARY KEY, v vector(128) NOT NULL);
INSERT INTO t SELECT i, (SELECT array_agg(random()::real) FROM generate_series(1, 128) j WHERE i > 0)::vector(128)
FROM generate_series(1, 60000) i;
-- Waits until a build is in `wanted`, ends it with `deed`, and returns the milliseconds it took to be gone.
CREATE FUNCTION strike(wanted text, deed text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	target int;
	struck timestamptz;
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT pid INTO target FROM pg_stat_progress_create_index WHERE phase = wanted;
		EXIT WHEN target IS NOT NULL;
	END LOOP;
	struck := clock_timestamp();
	EXECUTE format('SELECT %s(%s)', deed, target);
	LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE pid = target);
	END LOOP;
	RETURN 1000 * extract(epoch FROM clock_timestamp() - struck);
END
$$;
SQL
my %build = map { $_ => "CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 200, storage = $_)" } FORMS;
my $build = $build{compact};

sub threads_of
{
	my ($pid) = @_;
	my @tasks = glob "/proc/$pid/task/*";
	return scalar @tasks;
}

sub resident_kb
{
	my ($pid) = @_;
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+) kB/m;
	return $kb;
}

sub nothing_left
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 't_v')), 0, "$name: no index is left");
	return;
}

# The phases as pg_stat_progress_create_index names them; `initializing` is over too soon to be met: 009 cancels in it.
for my $phase ('loading tuples', 'building graph', 'writing pages')
{
	for my $deed (qw(pg_cancel_backend pg_terminate_backend))
	{
		my $name = "$deed in $phase";
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = $session->query('SELECT pg_backend_pid()');
		my $before = threads_of($pid);
		$session->query_until(qr/begun/, "\\echo begun\n$build{next_form()};\n");
		my $ms = $node->safe_psql('postgres', "SET statement_timeout = '180s'; SELECT strike('building index: $phase', '$deed')");
		cmp_ok($ms, '<', 1000 * $patience, "$name: the command has ended within $patience s");
		note "$name: $ms ms";
		if ($deed eq 'pg_cancel_backend')
		{
			is($session->query('SELECT 17'), 17, "$name: the session goes on");
			like($session->{stderr}, qr/canceling statement due to user request/, "$name: PostgreSQL's message");
			# A thread of the pool may take a moment from its last instruction to its end.
			wait_until(sub { threads_of($pid) <= $before }, 'the end of the threads');
			is(threads_of($pid), $before, "$name: no thread is left");
			$session->{stderr} = '';
			$session->quit;
		}
		else
		{
			wait_until(sub { !-e "/proc/$pid" || threads_of($pid) == 0 }, 'the end of the backend');
			pass("$name: the backend has ended");
			eval { $session->{run}->finish };
		}
		nothing_left($name);
	}
}

# An error that PostgreSQL raises in its scan of the table jumps over the code that waits for the rows.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION refuse_last(v vector, id int) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF id = 60000 AND current_setting('test.refuse', true) = 'on' THEN RAISE 'refused' USING ERRCODE = 'AX001'; END IF;
	RETURN v;
END
$$;
SQL
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	my $threads = threads_of($pid);
	my $failing = 'CREATE INDEX t_refused ON t USING hnsw ((refuse_last(v, id)::vector(128)) vector_l2_ops)';
	$session->query("SET test.refuse = on; SET max_parallel_maintenance_workers = 2");
	$session->query("\\set VERBOSITY verbose\n$failing");
	like($session->{stderr}, qr/AX001: refused\nCONTEXT:  PL\/pgSQL/, 'an error in an index expression comes through whole');
	my $before = resident_kb($pid);
	$session->query($failing) for 1 .. 5;
	# Each held the codes of 60,000 rows of 128 dimensions.
	cmp_ok(resident_kb($pid) - $before, '<', 25_000, 'builds that fail leave no memory behind');
	# Rows that did not fit are in temporary files by then.
	$session->{stderr} = '';
	$session->query("SET maintenance_work_mem = '4MB'");
	$session->query($failing) for 1 .. 2;
	unlike($session->{stderr}, qr/could not|ABORT state/, 'builds in parts that fail close their files once');
	like($session->{stderr}, qr/AX001: refused/, 'builds in parts fail with their own error');
	is($session->query(q(SELECT count(*) FROM pg_ls_tmpdir())), 0, 'builds that fail leave no file behind');
	$session->query('RESET maintenance_work_mem');
	$session->query('SET test.refuse = off');
	$session->query($failing);
	$session->query('SET test.refuse = on');
	my $recall = q(SELECT count(*) FROM annex.recall('t_refused', (SELECT array_agg(v) FROM t WHERE id <= 20)));
	$session->query($recall) for 1 .. 3;
	wait_until(sub { threads_of($pid) <= $threads }, 'the end of the threads of annex.recall');
	is(threads_of($pid), $threads, 'measurements that fail leave no thread behind');
	$session->query('DROP INDEX t_refused');
	$session->{stderr} = '';
	$session->quit;
}

# statement_timeout.
my $start = time;
my ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = '1500ms'; $build");
my $seconds = time - $start;
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout: PostgreSQL\'s message');
cmp_ok($seconds, '<', 1.5 + $patience, "statement_timeout: the command has ended within $patience s");
nothing_left('statement_timeout');

# A build in parts, which keeps rows and lists in temporary files: they are gone with it, whenever it ends.
sub no_temporary_file
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, "$name: no temporary file is left");
	return;
}
for my $phase ('loading tuples', 'building graph', 'writing pages')
{
	my $name = "cancel of a build in parts in $phase";
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	my $before = threads_of($pid);
	$session->query("SET maintenance_work_mem = '4MB'");
	$session->query_until(qr/begun/, "\\echo begun\n$build;\n");
	if ($phase ne 'loading tuples')
	{
		$node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM pg_ls_tmpdir()') or die 'the build writes no temporary file';
	}
	my $ms = $node->safe_psql('postgres', "SET statement_timeout = '180s'; SELECT strike('building index: $phase', 'pg_cancel_backend')");
	cmp_ok($ms, '<', 1000 * $patience, "$name: the command has ended within $patience s");
	is($session->query('SELECT 17'), 17, "$name: the session goes on");
	like($session->{stderr}, qr/canceling statement due to user request/, "$name: PostgreSQL's message");
	wait_until(sub { threads_of($pid) <= $before }, 'the end of the threads');
	no_temporary_file($name);
	nothing_left($name);
	$session->{stderr} = '';
	$session->quit;
}
($code, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '4MB'; SET temp_file_limit = '5MB'; $build");
like($err, qr/temporary file size exceeds temp_file_limit/, 'a build in parts keeps temp_file_limit');
no_temporary_file('temp_file_limit');
nothing_left('temp_file_limit');
# An error that is caught closes the files of its subtransaction and no other; the session can build again.
is( $node->safe_psql('postgres', <<"SQL"), '53400|t', 'an error caught in a function');
SET client_min_messages = warning;
SET maintenance_work_mem = '4MB';
SET temp_file_limit = '5MB';
CREATE TABLE caught (state text);
DO \$\$
BEGIN
	$build;
EXCEPTION WHEN configuration_limit_exceeded THEN
	INSERT INTO caught VALUES (SQLSTATE);
END
\$\$;
RESET temp_file_limit;
CREATE TABLE few AS SELECT id, v FROM t WHERE id <= 12000;
CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops);
SELECT state, NOT EXISTS (SELECT FROM annex.verify('few_v')) FROM caught;
DROP TABLE few, caught;
SQL
no_temporary_file('an error caught in a function');
nothing_left('an error caught in a function');

# A build whose server is told to stop ends too, and DROP DATABASE of another database does not wait for it.
$node->safe_psql('postgres', 'CREATE DATABASE other');
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_until(qr/begun/, "\\echo begun\n$build;\n");
$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase = 'building index: building graph'))
  or die 'the build does not come to its graph';
$start = time;
$node->safe_psql('postgres', 'DROP DATABASE other');
$seconds = time - $start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_progress_create_index'), 1, 'DROP DATABASE: the build goes on');
cmp_ok($seconds, '<', $patience, "DROP DATABASE of another database took $seconds s during a build");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_progress_create_index'), 1, 'the build still goes on');
$start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 2 * $patience, 'the server stops during a build');
eval { $session->{run}->finish };

# The server is as it was: a build succeeds.
$node->start;
nothing_left('stop');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'no process crashed');
$node->safe_psql('postgres', 'DELETE FROM t WHERE id > 5000');
$node->safe_psql('postgres', $build{inline});
is( $node->safe_psql('postgres', <<'SQL'), 0, 'a later build succeeds: every row is found');
SET enable_seqscan = off;
SET hnsw.ef_search = 200;
SELECT count(*) FROM t WHERE id % 20 = 0 AND id IS DISTINCT FROM
	(SELECT id FROM t AS other ORDER BY other.v <-> t.v LIMIT 1);
SQL
verify_index($node, 't_v', 'a later build');
$node->stop;
done_testing();
