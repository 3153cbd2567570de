# Rollback with a million rows in the table of each version: as quick as with a hundred, since it moves a pointer; and a reader that
# has begun keeps its version to its end, whatever is promoted and rolled back meanwhile.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('rollback');
sub sql { return $node->safe_psql('postgres', shift) }

# Two models, alike but for the number of their rows. The tables are filled past put, and past the foreign keys, which hold.
my %rows = (small => 100, large => 1_000_000);
for my $model (sort keys %rows)
{
	sql(<<"SQL");
CREATE TABLE $model (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO $model SELECT i, 'doc ' || i FROM generate_series(1, $rows{$model}) i;
SELECT annex.register_model('$model', '$model', 'id', 'body');
SELECT annex.register_version('$model', 1, 'l2'), annex.register_version('$model', 2, 'l2'), annex.register_version('$model', 2, 'l2');
SET session_replication_role = replica;
INSERT INTO ${model}_v1 SELECT id, ARRAY[id]::vector, annex.content_hash(body) FROM $model;
INSERT INTO ${model}_v2 SELECT id, ARRAY[id, 1]::vector, annex.content_hash(body) FROM $model;
RESET session_replication_role;
ANALYZE $model, ${model}_v1, ${model}_v2;
SQL
}

# Forced: an index of a million rows is not what is shown here.
sub promote { return sql("SELECT annex.promote('large', $_[0], force => true)") }
my $serving = q{SELECT version, count(*), max(vector_dims(embedding)) FROM large_embeddings WHERE version = (SELECT annex.champion('large')) GROUP BY version};
promote($_) for 1, 2;
is(sql($serving), '2|1000000|2', 'version 2 serves a million rows');
is(sql(q{SELECT string_agg((value || ' of ' || n), ', ' ORDER BY id) FROM annex.measurement WHERE kind = 'coverage'}),
	'100 of 1000000, 100 of 1000000', 'each promotion counted them');

my $reader = $node->background_psql('postgres', on_error_die => 1);
$reader->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query($serving), '2|1000000|2', 'a reader begins on version 2');
promote(3);
is(sql(q{SELECT annex.champion('large')}), 3, 'version 3 is promoted');
is($reader->query($serving), '2|1000000|2', 'the reader stays on version 2');

# No statement that follows may wait for the reader, who holds his locks on all tables.
my $hurry = "SET lock_timeout = '1ms';";
is(sql("$hurry SELECT annex.rollback('large')"), 2, 'the first rollback returns to version 2');
is(sql("$hurry SELECT annex.rollback('large')"), 1, 'the second one to version 1');
is(sql($serving), '1|1000000|1', 'which serves at once');
for (3, 4)
{
	my ($code, $out, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$hurry SELECT annex.rollback('large')");
	like($error, qr/ERROR:  55000: model "large" has no earlier deployment to roll back to/, "rollback $_ is refused");
}
is($reader->query($serving), '2|1000000|2', 'the reader is still on version 2');
$reader->query('COMMIT');
is($reader->query($serving), '1|1000000|1', 'until its transaction ends');
$reader->quit;

# Long ways back for both models, then one step of each in turn. Medians, as a ratio: noise of the machine meets both alike.
my $steps = 25;
sql(<<"SQL");
CREATE TABLE step (model text, ms float8);
CREATE FUNCTION timed_rollback(model text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	begun timestamptz := clock_timestamp();
BEGIN
	PERFORM annex.rollback(model);
	INSERT INTO step VALUES (model, 1000 * extract(epoch FROM clock_timestamp() - begun));
END
\$\$;
DO \$\$
DECLARE
	head bigint;
	which text;
BEGIN
	FOREACH which IN ARRAY ARRAY['small', 'large'] LOOP
		SELECT max(id) INTO head FROM annex.deployment WHERE model = which;
		FOR i IN 0..$steps LOOP
			INSERT INTO annex.deployment AS d (model, version, action, prev, undo) VALUES (which, 1 + i % 2, 'promote', head, head) RETURNING d.id INTO head;
		END LOOP;
	END LOOP;
END
\$\$;
SQL
sql(join "\n", map { "SELECT timed_rollback('small'); SELECT timed_rollback('large');" } 1 .. $steps);
is(sql('SELECT string_agg(model || count::text, \' \' ORDER BY model) FROM (SELECT model, count(*) FROM step GROUP BY model) s'),
	"large$steps small$steps", "$steps steps back of each");
my $times = sql(q{SELECT string_agg(model || ' ' || round(ms::numeric, 3), ', ' ORDER BY model) FROM (
	SELECT model, percentile_cont(.5) WITHIN GROUP (ORDER BY ms) AS ms FROM step GROUP BY model) s});
note("median milliseconds of a rollback: $times");
is( sql(q{SELECT percentile_cont(.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE model = 'large')
	< 5 * percentile_cont(.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE model = 'small') FROM step}),
	't', "ten thousand times the rows do not make a rollback slower ($times ms)");

$node->stop;
done_testing();
