# What the recovery tests share: clusters with annex, tables of each kind of index whose vectors follow from the id, and the checks that
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
  backends_of children_of next_form in_both_forms make_table operator_of DIMS FORMS KINDS UPPER_CODES
);

use constant DIMS => 16;
# What nodes of an index may be made of: the option `storage`. Left to itself an index of so few dimensions is compact.
use constant FORMS => qw(inline compact);
# Compact, with one-bit codes of the neighbors on upper levels.
use constant UPPER_CODES => 'compact with upper codes';
# All that items can be made of: these, and the other types.
use constant KINDS => (FORMS, UPPER_CODES, qw(halfvec sparsevec bit));

# Of each kind: type of the column, vector of row `id`, operator class and operator, options, and the format version that tells
# whether there are upper codes. They need m = 12 and 128 dimensions; without them a smaller m gives more levels.
my %kinds;
@kinds{ (KINDS) } = (
	[ 'vector(16)', 'vec(id)', 'vector_l2_ops', '<->', 'm = 6, ef_construction = 40, storage = inline', 1 ],
	[ 'vector(16)', 'vec(id)', 'vector_l2_ops', '<->', 'm = 6, ef_construction = 40, storage = compact', 1 ],
	[ 'vector(128)', 'wide(id)', 'vector_l2_ops', '<->', 'm = 12, ef_construction = 40, storage = compact', 2 ],
	[ 'halfvec(128)', 'wide(id)::halfvec', 'halfvec_l2_ops', '<->', 'm = 12, ef_construction = 40, storage = compact', 2 ],
	[ 'sparsevec(500)', 'sparse(id)', 'sparsevec_l2_ops', '<->', 'm = 8, ef_construction = 40', 1 ],
	[ 'bit(100)', 'bits(id)', 'bit_hamming_ops', '<~>', 'm = 8, ef_construction = 40', 1 ]);

# A row's vector follows from its id: whoever knows which ids are acknowledged can check rows, vectors and index.
my $helpers = <<'SQL';
CREATE EXTENSION annex;
CREATE FUNCTION vec(id int, dims int DEFAULT 16) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint8(id::bigint * 4096 + j)::float8 / 2147483648)::real ORDER BY j)::vector
	FROM generate_series(1, dims) j
$$;
-- The same in 128 dimensions, where noise would have no near neighbors.
CREATE FUNCTION wide(id int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT v || v || v || v || v || v || v || v FROM vec(id) v
$$;
-- A sparse one of about 11 elements in 104 places: each row has some in common with others, and none is near to all of them, as a
-- short one would be. And of bits.
CREATE FUNCTION sparse(id int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
	SELECT format('{%s}/500', string_agg(format('%s:%s', 8 * j + abs(hashint8(id::bigint * 4096 + j) % 8) + 1,
		1 + hashint8(id::bigint * 4096 + 100 + j) / 5e9), ','))::sparsevec
	FROM generate_series(1, 11 + abs(id % 3)) j
$$;
CREATE FUNCTION bits(id int) RETURNS bit LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || md5(id::text))::bit(100)
$$;
SQL

# What follows from the kind of the index of table t.
my $kind_helpers = <<'SQL';
CREATE OR REPLACE FUNCTION own(id int) RETURNS {type} LANGUAGE sql IMMUTABLE AS $$
	SELECT {vector}
$$;
-- The row that the index finds first for the vector of `id`; all of a small table is searched.
CREATE OR REPLACE FUNCTION nearest(id int) RETURNS int LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET hnsw.ef_search = 1000 AS $$
DECLARE
	found int;
BEGIN
	EXECUTE format('SELECT id FROM t ORDER BY v {operator} %L LIMIT 1', own(id)) INTO found;
	RETURN found;
END
$$;
-- The rows that the index returns if it may return all, and whether each has its own vector.
CREATE OR REPLACE FUNCTION all_by_index() RETURNS TABLE (id int, is_own bool) LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET hnsw.iterative_scan = relaxed_order
	SET hnsw.max_scan_tuples = 2147483647 SET hnsw.scan_mem_multiplier = 1000 AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT id, v = own(id) FROM t ORDER BY v {operator} %L', own(0));
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
	$node->safe_psql('postgres', $helpers . helpers_of((FORMS)[0]));
	return $node;
}

sub helpers_of
{
	my ($kind) = @_;
	my ($type, $vector, undef, $operator) = @{ $kinds{$kind} };
	my %values = (type => $type, vector => $vector, operator => $operator);
	return $kind_helpers =~ s/\{(\w+)\}/$values{$1}/gr;
}

# The operator by which an index of a kind orders.
sub operator_of { return $kinds{ $_[0] }[3] }

# Table t with rows 1 to `rows` and an index t_v of a kind, with other options if there are any, in place of an earlier t. Its
# vectors are those of own(id).
sub make_table
{
	my ($node, $kind, $rows, $options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($type, undef, $class, undef, $usual_options, $version) = @{ $kinds{$kind} };
	$options //= $usual_options;
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS t; DROP FUNCTION own(int);' . helpers_of($kind) . <<SQL);
CREATE TABLE t (id int PRIMARY KEY, v $type NOT NULL);
INSERT INTO t SELECT id, own(id) FROM generate_series(1, $rows) id;
CREATE INDEX t_v ON t USING hnsw (v $class) WITH ($options);
SQL
	is($node->safe_psql('postgres', q(SELECT format_version FROM annex.index_info('t_v'))), $version, "$kind: format version $version");
	return;
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
CREATE TEMP TABLE by_index AS SELECT * FROM all_by_index();
SELECT string_agg(id || ' ' || times || ' times', ', ' ORDER BY id)
FROM (SELECT id, count(*) AS times FROM by_index GROUP BY id HAVING count(*) > 1
	UNION ALL SELECT id, 0 FROM t WHERE id NOT IN (SELECT id FROM by_index)
	UNION ALL SELECT id, -1 FROM by_index WHERE id NOT IN (SELECT id FROM t) OR NOT is_own) AS wrong
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
