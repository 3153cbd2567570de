# A physical standby replays builds, inserts and vacuums, each replayed page compared with the primary's
# (wal_consistency_checking); it answers from the index while slots are freed and used again, and takes writes
# once promoted. In both forms, and with codes on upper levels.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my ($primary, $standby, $number);

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

# Answers to 40 queries, those of a node's index.
my $queries = <<'SQL';
SET enable_seqscan = off;
SET hnsw.ef_search = 60;
SELECT q, (SELECT string_agg(id::text, ' ' ORDER BY d, id)
	FROM (SELECT id, v <-> own(q) AS d FROM t ORDER BY v <-> own(q) LIMIT 10) AS nearest)
FROM generate_series(100001, 100040) q
SQL

sub same_answers
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	catch_up();
	my $plan = $standby->safe_psql('postgres',
		'SET enable_seqscan = off; EXPLAIN (COSTS off) SELECT id FROM t ORDER BY v <-> own(7) LIMIT 10');
	like($plan, qr/Index Scan using t_v on t/, "$name: the standby answers by Index Scan");
	my $answers = $standby->safe_psql('postgres', $queries);
	like($answers, qr/^100001\|\d+( \d+){9}$/m, "$name: ten rows a query");
	is($answers, $primary->safe_psql('postgres', $queries), "$name: the standby's answers are the primary's");
	verify_index($standby, 't_v', "$name, standby");
	return;
}

for my $form (FORMS, UPPER_CODES)
{
	$number++;
	$primary = new_node("primary_$number", allows_streaming => 1, conf => "max_standby_streaming_delay = -1\n");
	$primary->backup('base');
	$standby = PostgreSQL::Test::Cluster->new("standby_$number");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	make_table($primary, $form, 2000, $form eq UPPER_CODES ? () : "m = 8, storage = $form");
	my $create = $primary->safe_psql('postgres', q(SELECT pg_get_indexdef('t_v'::regclass)));
	same_answers("build, $form");
	$primary->safe_psql('postgres', 'INSERT INTO t SELECT id, own(id) FROM generate_series(2001, 2500) id');
	same_answers("insert, $form");
	$primary->safe_psql('postgres', 'DELETE FROM t WHERE id % 5 = 0; VACUUM t');
	same_answers("vacuum, $form");
	$primary->safe_psql('postgres', 'INSERT INTO t SELECT id, own(id) FROM generate_series(3001, 3500) id; REINDEX INDEX CONCURRENTLY t_v');
	same_answers("reuse and reindex, $form");
	$primary->safe_psql('postgres', "DROP INDEX t_v; $create; DELETE FROM t");
	$primary->safe_psql('postgres', 'VACUUM t; INSERT INTO t SELECT id, own(id) FROM generate_series(4001, 6000) id');
	same_answers("from empty, $form");

	# Searches on the standby, without a pause, while the primary frees and reuses slots. Rows with another row's vector,
	# too few rows and errors end a client.
	my @searchers = map {
		slow_client($standby, "searcher_$_", <<'SQL')
SET enable_seqscan = off;
SET hnsw.ef_search = 400;
DO $$
DECLARE
	good boolean;
	searches int := 0;
BEGIN
	LOOP
		SELECT count(*) = 5 AND bool_and(v = own(id)) INTO good
		FROM (SELECT id, v FROM t ORDER BY v <-> own(searches) LIMIT 5) AS nearest;
		IF good IS NOT TRUE THEN
			RAISE EXCEPTION 'wrong answer to query %', searches;
		END IF;
		searches := searches + 1;
		COMMIT;
		EXIT WHEN EXISTS (SELECT FROM t WHERE id = -1);
	END LOOP;
	RAISE INFO 'searches: %', searches;
END
$$;
SQL
	} 1 .. 2;
	for my $round (1 .. 8)
	{
		my $from = 10000 + $round * 1000;
		$primary->safe_psql('postgres',
			"DELETE FROM t WHERE id % 8 = $round - 1; VACUUM t; INSERT INTO t SELECT id, own(id) FROM generate_series($from, $from + 200) id");
	}
	same_answers("rounds of vacuum and reuse, $form");
	$primary->safe_psql('postgres', 'INSERT INTO t VALUES (-1, own(-1))');
	for my $searcher (@searchers)
	{
		my ($code, undef, $err) = finish_client($searcher);
		is($code, 0, "searches on the standby during vacuum raise no error, $form") or diag $err;
		like($err, qr/searches: [1-9]\d/, "there were searches, $form");
	}

	$standby->promote;
	$standby->safe_psql('postgres',
		'INSERT INTO t SELECT id, own(id) FROM generate_series(30001, 30300) id; DELETE FROM t WHERE id % 7 = 0; VACUUM t');
	verify_index($standby, 't_v', "promoted, $form");
	check_rows($standby, "promoted, $form", [ grep { $_ % 7 } 30001 .. 30300 ], [ grep { $_ % 7 == 0 } 30001 .. 30300 ]);
	$standby->stop;
	$primary->stop;
}
done_testing();
