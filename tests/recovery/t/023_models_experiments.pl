# What the life cycle of models promises about users, recall and monitoring, with the figures of the promise: how 50,000 users are split, how
# often a hundred experiments without a difference name a winner, what an analyst may see, that measuring changes no setting, and that
# vectors leave in the form that index libraries read. The promises about versions are in 021.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use ModelsTest;

my $node = new_prod('experiments');
as('docs_team', <<'SQL');
SELECT annex.register_version('docs', 16, 'cosine', 's3://m/bge-v2');
SELECT count(*) FROM annex.pending('docs', 2, 5000) WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash);
CREATE INDEX docs_v2_embedding_idx ON docs_v2 USING hnsw (embedding vector_cosine_ops);
SQL

note 'promise 3: champion and challenger';
# The salt is drawn: nothing here may hang on it.
my $challenge = as('docs_team', q{SELECT annex.challenge('docs', 2, 0.10, 'click', planned_units => 20000)});
my $routed = q{SELECT count(*) FILTER (WHERE arm = 'challenger' AND version = 2), md5(string_agg(version::text, '' ORDER BY i))
	FROM generate_series(1, 50000) i, annex.route('docs', 'user-' || i)};
my ($first, $second) = split /\n/, as('web', "$routed; $routed");
my ($challengers) = split /\|/, $first;
cmp_ok($challengers, '>=', 4500, "of 50,000 users a tenth gets the challenger: $challengers");
cmp_ok($challengers, '<=', 5500, 'and not many more');
is($second, $first, 'asked again, each gets the same');
is(as('analyst', $routed), $first, 'and in another connection');

is(as('web', q{SELECT count(annex.expose('docs', 'user-' || i)) FROM generate_series(1, 50000) i}), 50000, 'all are exposed');
# The champion's users click at 10 %, the challenger's at 14 %.
as('web', q{SELECT count(*) FILTER (WHERE annex.feedback('docs', x.unit, 1)) FROM annex.exposure x
	WHERE (('x' || left(md5(x.unit), 8))::bit(32)::bigint & 1023) / 1024.0 < CASE WHEN version = 2 THEN .14 ELSE .10 END});
is(as('analyst', q{SELECT n_champion + n_challenger, verdict FROM annex.compare('docs')}), '50000|challenger better', 'more clicks are found');
is(as('dbo', <<"SQL"), 'invalid: sample ratio mismatch', 'half of an arm is lost: nothing is concluded');
BEGIN;
DELETE FROM annex.exposure WHERE version = 2 AND id % 2 = 0;
SELECT verdict FROM annex.compare('docs');
ROLLBACK;
SQL

note 'promise 8: an analyst sees production, and nothing of its users';
my @readable = qw(status history);
is(as('analyst', "SELECT count(*) > 0 FROM annex.$_"), 't', "annex.$_ is readable") for @readable;
is(as('analyst', "SELECT count(*) FROM annex.exposure"), 50000, 'exposures are counted');
like(refusal('analyst', 'SELECT unit FROM annex.exposure'), qr/42501: permission denied for table exposure/, 'but not told');
like(refusal('analyst', 'SELECT query FROM annex.query_sample'), qr/42501: permission denied for table query_sample/, 'nor what was asked');
for my $table (split /\n/, as('dbo', q{SELECT relname FROM pg_class WHERE relnamespace = 'annex'::regnamespace AND relkind = 'r' ORDER BY 1}))
{
	my $column = as('dbo', "SELECT attname FROM pg_attribute WHERE attrelid = 'annex.$table'::regclass AND attnum = 1");
	my @refused = grep { refusal('analyst', $_) =~ /42501: permission denied for table $table$/ }
	  ("INSERT INTO annex.$table DEFAULT VALUES", "UPDATE annex.$table SET $column = DEFAULT", "DELETE FROM annex.$table", "TRUNCATE annex.$table");
	is(scalar @refused, 4, "an analyst changes nothing in $table");
}
as('docs_team', q{SELECT annex.conclude('docs', promote => false)});

note 'promise 3, continued: a hundred experiments of 10,000 users without a difference';
# Exposures go past annex.expose and the foreign keys, which hold; their split is that of annex.route. Five looks each, any of which may err.
my $named = $node->safe_psql('prod', <<'SQL');
CREATE TEMP TABLE looks (run int, verdict text);
DO $$
DECLARE
	experiment bigint;
	salt text;
BEGIN
	FOR run IN 1..100 LOOP
		experiment := annex.challenge('docs', 2, 0.1, 'click');
		salt := 'run ' || run;
		UPDATE annex.experiment e SET salt = 'run ' || run WHERE e.id = experiment;
		FOR look IN 1..5 LOOP
			SET LOCAL session_replication_role = replica;
			WITH exposed AS (
				INSERT INTO annex.exposure (experiment, unit, version)
				SELECT experiment, 'user-' || i, CASE WHEN annex.bucket(salt, 'user-' || i) < 0.1 THEN 2 ELSE 1 END
				FROM generate_series(look * 2000 - 1999, look * 2000) i RETURNING id, unit
			)
			INSERT INTO annex.outcome (exposure, value) SELECT id, 1 FROM exposed WHERE annex.bucket('click ' || run, unit) < 0.1;
			SET LOCAL session_replication_role = origin;
			INSERT INTO looks SELECT run, verdict FROM annex.compare('docs');
		END LOOP;
		PERFORM annex.conclude('docs', false);
	END LOOP;
END
$$;
SELECT count(DISTINCT run), count(*), count(DISTINCT run) FILTER (WHERE verdict LIKE '%better'), count(*) FILTER (WHERE verdict LIKE 'invalid%') FROM looks;
SQL
my ($runs, $looks, $winners, $alarms) = split /\|/, $named;
is("$runs $looks", '100 500', 'each was looked at five times');
cmp_ok($winners, '<=', 10, "at most 10 name a winner: $winners");
is($alarms, 0, 'none finds the split wrong');
is(as('analyst', "SELECT n_champion + n_challenger, verdict FROM annex.compare('docs', $challenge)"), '50000|challenger better', 'the first result has not changed');

note 'promise 7: recall is measured, and measuring changes nothing';
# One psql reads the settings, measures in every way, reads them again. The library's own settings come with its first function.
my $queries = q{(SELECT array_agg(team.fake_model('query ' || i, 8) ORDER BY i) FROM generate_series(1, 50) i)};
my $measured = as('docs_team', <<"SQL");
SELECT annex.bucket('', '') IS NULL;
\\echo ----
SHOW ALL;
\\echo ----
WITH together AS (SELECT ef, r.* FROM unnest(ARRAY[1, 200]) ef, annex.recall('docs_v1_embedding_idx', $queries, 10, ef) r),
	alone AS (SELECT ef, i, r.recall FROM unnest(ARRAY[1, 200]) ef, generate_series(1, 50) i,
		annex.recall('docs_v1_embedding_idx', ARRAY[fake_model('query ' || i, 8)], 10, ef) r)
SELECT count(*), bool_and(together.recall = alone.recall), avg(together.recall) FILTER (WHERE alone.ef = 200) > avg(together.recall) FILTER (WHERE alone.ef = 1)
FROM together JOIN alone ON alone.ef = together.ef AND i = query;
SELECT kind, version, n FROM annex.measure_recall('docs', 1);
\\echo ----
SHOW ALL;
SQL
my (undef, $before, $results, $after) = split /^----\n/m, $measured;
is($results, "100|t|t\nrecall|1|100\n", 'one statement and single calls agree, a wider search finds more');
cmp_ok(scalar split(/\n/, $before), '>', 300, 'there are settings');
ok("$after\n" eq $before, 'none of them differs');
is(as('analyst', q{SELECT count(*) FROM annex.measurement WHERE kind = 'recall' AND version = 1}), 1, 'the result is on record');

note 'promise 12: vectors leave in the form that index libraries read';
# Whose recall is right is shown in pg_regress/sql/models_drift.sql, query by query.
my $file = $node->basedir . '/embeddings.bin';
as('docs_team', "\\copy docs_v1 (embedding) to '$file' (format binary)");
is(-s $file, 19 + 2000 * (2 + 4 + 4 + 4 * 8) + 2, 'a header, rows of one length, an end');

$node->stop;
done_testing();
