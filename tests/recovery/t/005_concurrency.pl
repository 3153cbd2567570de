# Many clients at once: inserts, also into an empty index; everything together for a third of a minute in each form, and with
# codes on upper levels; rounds of deletes, vacuums and inserts that must not wear the index out.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('concurrency');

# Runs pgbench with scripts (text => weight); fails when a client was aborted by an error.
sub load
{
	my ($name, $options, %scripts) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (@files, $number);
	for my $text (sort keys %scripts)
	{
		my $file = $node->basedir . '/load_' . ++$number . '.sql';
		open my $out, '>', $file or die "could not write $file: $!";
		print $out $text;
		close $out;
		push @files, '-f', "$file\@$scripts{$text}";
	}
	my $ok = IPC::Run::run([ 'pgbench', '-n', '--random-seed=17', @$options, @files, $node->connstr('postgres') ],
		'>', \my $out, '2>', \my $err);
	ok($ok && $err !~ /ERROR|aborted/, "$name: no error") or diag $err;
	return;
}

# An index of m = 16, or of the least m that has upper codes.
sub options { return $_[0] eq UPPER_CODES ? () : "storage = $_[0]" }

# 20 clients insert 250 rows each; of 1,000 sampled rows at most 3 are not found by their own vector.
sub many_inserts
{
	my ($name, $form, $before) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	make_table($node, $form, $before, options($form));
	load($name, [ '-c', 20, '-j', 2, '-t', 250, '-D', 'n=0' ],
		"\\set n :n + 1\n\\set id 100000 + :client_id * 250 + :n\nINSERT INTO t VALUES (:id, own(:id));\n" => 1);
	verify_index($node, 't_v', $name);
	my $lost = $node->safe_psql('postgres', 'SELECT count(*) FROM t WHERE id > 100000 AND id % 5 = 0 AND nearest(id) IS DISTINCT FROM id');
	cmp_ok($lost, '<=', 3, "$name: " . (1000 - $lost) . ' of 1,000 rows are found by their own vector');
	return;
}

many_inserts('20 clients insert', 'compact', 2000);
many_inserts('20 clients insert with upper codes', UPPER_CODES, 1000);
many_inserts('20 clients insert into an empty index with upper codes', UPPER_CODES, 0);
many_inserts('20 clients insert into an empty index', 'inline', 0);

# Together for a while. A search with fewer than ten rows or a row with another row's vector divides by zero.
for my $case ([ 'inline', 8 ], [ 'compact', 8 ], [ UPPER_CODES, 20 ])
{
	my ($form, $clients) = @$case;
	make_table($node, $form, 5000, options($form));
	load(
		"insert, delete, vacuum and search together, $form",
		[ '-c', $clients, '-j', 2, '-T', 20, '-D', 'n=0' ],
		"\\set n :n + 1\n\\set id 1000000 + :client_id * 100000 + :n\nINSERT INTO t VALUES (:id, own(:id));\n" => 30,
		"\\set from random(1, 5000)\nDELETE FROM t WHERE id = (SELECT min(id) FROM t WHERE id >= :from);\n" => 25,
		"\\set q random(1, 1000000)\nSET enable_seqscan = off;\nSET hnsw.ef_search = 200;\n"
		  . "SELECT 1 / (count(*) = 10 AND bool_and(v = own(id)))::int FROM (SELECT id, v FROM t ORDER BY v <-> own(:q) LIMIT 10) AS nearest;\n" => 60,
		"SELECT pg_try_advisory_lock(1)::int AS may \\gset\n\\if :may\nVACUUM t;\nSELECT pg_advisory_unlock(1);\n\\endif\n" => 1);
	verify_index($node, 't_v', "all together, $form");
	$node->safe_psql('postgres', 'VACUUM t');
	verify_index($node, 't_v', "all together and a vacuum, $form");
	is(lost_rows($node, 'id % 3 = 0'), '', "all together and a vacuum, $form: every row is found by its own vector");
}

# Five rounds of 20 % delete, vacuum, reinsert.
my $rows = 2000;

sub size { return $node->safe_psql('postgres', q(SELECT pg_relation_size('t_v'))) }

sub recall
{
	return $node->safe_psql('postgres', <<'SQL');
SET hnsw.ef_search = 40;
CREATE TEMP TABLE query AS SELECT q, own(q) AS v FROM generate_series(500001, 500200) q;
SET enable_indexscan = off;
CREATE TEMP TABLE exact AS SELECT q, id FROM query, LATERAL (SELECT id FROM t ORDER BY t.v <-> query.v LIMIT 10) AS nearest;
SET enable_indexscan = on;
SET enable_seqscan = off;
CREATE TEMP TABLE found AS SELECT q, id FROM query, LATERAL (SELECT id FROM t ORDER BY t.v <-> query.v LIMIT 10) AS nearest;
SELECT round(count(found.id)::numeric / count(*), 4) FROM exact LEFT JOIN found USING (q, id);
SQL
}

for my $form (FORMS, UPPER_CODES)
{
	make_table($node, $form, $rows, options($form));
	my ($fresh_size, $fresh_recall) = (size(), recall());
	for my $round (1 .. 5)
	{
		my $from = $rows * $round;
		my $share = $rows / 5;
		$node->safe_psql('postgres', <<SQL);
DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY hashint4(id * 16 + $round) LIMIT $share);
VACUUM t;
INSERT INTO t SELECT id, own(id) FROM generate_series($from + 1, $from + $share) id;
SQL
		verify_index($node, 't_v', "round $round, $form");
	}
	is(lost_rows($node), '', "after five rounds, $form: every live row is found by its own vector");
	my ($size, $recall) = (size(), recall());
	note "$form, fresh: $fresh_size bytes, recall $fresh_recall; after five rounds: $size bytes, recall $recall";
	cmp_ok($size, '<=', 1.3 * $fresh_size, "size after five rounds, $form, is at most 1.3 times fresh");
	cmp_ok($recall, '>=', $fresh_recall - 0.02, "recall after five rounds, $form, is at least fresh - 0.02");
}
$node->stop;
done_testing();
