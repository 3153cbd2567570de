# The registry of models outside one session: dump and restore, as a superuser and as the owner of the database, who is none;
# readers under promotions and rollbacks; a standby; a crash.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('models', allows_streaming => 1);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE dbo LOGIN;
CREATE ROLE docs_team LOGIN;
CREATE ROLE web LOGIN;
GRANT docs_team TO dbo;
CREATE DATABASE prod OWNER dbo;
SQL

sub as { my ($role, $database, $sql) = @_; return $node->safe_psql($database, $sql, extra_params => [ '-U', $role ]) }

# The owner of the database installs, without being a superuser.
as('dbo', 'prod', <<'SQL');
CREATE EXTENSION annex;
CREATE SCHEMA team AUTHORIZATION docs_team;
GRANT USAGE ON SCHEMA team TO web;
SELECT annex.grant_to('docs_team', 'operator'), annex.grant_to('web', 'app');
SQL
is( as('dbo', 'prod', q{SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ' ') FROM pg_class WHERE relnamespace = 'annex'::regnamespace}),
	'dbo', 'the tables belong to the owner of the extension');
is( as('dbo', 'prod', q{SELECT string_agg(DISTINCT pg_get_userbyid(proowner), ' ') FROM pg_proc WHERE pronamespace = 'annex'::regnamespace}),
	$node->safe_psql('postgres', 'SELECT current_user'), 'the functions do not: the owner cannot replace code');
as('docs_team', 'prod', <<'SQL');
SET search_path = team, public;
CREATE TABLE docs (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 300) i;
GRANT SELECT ON docs TO web;
SELECT annex.register_model('docs', 'docs', 'id', 'body', 'search');
SELECT annex.register_version('docs', 2, artifact_sha256 => sha256(convert_to(repeat('w', 100), 'UTF8')));
SELECT annex.register_version('docs', 3, 'l2');
INSERT INTO annex.artifact (model, version, part, data) VALUES ('docs', 1, 0, convert_to(repeat('w', 60), 'UTF8')), ('docs', 1, 1, convert_to(repeat('w', 40), 'UTF8'));
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'x', '[1,2]');
SELECT annex.check_sentinel('docs', 1, 'x', '[1,2]');
SELECT count(*) FROM annex.pending('docs', 1, 1000) p WHERE annex.put('docs', 1, key, ARRAY[key::int, 1]::vector, content_hash);
SELECT count(*) FROM annex.pending('docs', 2, 1000) p WHERE annex.put('docs', 2, key, ARRAY[key::int, 1, 2]::vector, content_hash);
SQL
# As a pipeline does it: refused by exit status before the index is there, accepted after, and again without another row.
sub promote { return $node->psql('prod', q{SELECT annex.promote('docs', 1, 'first')}, on_error_stop => 1, extra_params => [ '-U', 'docs_team' ]) }
as('docs_team', 'prod', q{INSERT INTO team.docs SELECT i, 'doc ' || i FROM generate_series(301, 1200) i});
is(promote(), 3, 'psql fails while the version is not ready');
is(as('docs_team', 'prod', q{SELECT annex.champion('docs') IS NULL}), 't', 'and nothing serves');
as('docs_team', 'prod', <<'SQL');
SET search_path = team, public;
SELECT count(*) FROM annex.pending('docs', 1, 2000) p WHERE annex.put('docs', 1, key, ARRAY[key::int, 1]::vector, content_hash);
DELETE FROM docs WHERE id > 300;
CREATE INDEX docs_v1_embedding_idx ON docs_v1 USING hnsw (embedding vector_cosine_ops);
SQL
is(promote() + promote(), 0, 'psql succeeds, twice');
is(as('docs_team', 'prod', q{SELECT count(*) FROM annex.history}), 1, 'with one row in history');
as('docs_team', 'prod', <<'SQL');
SELECT annex.promote('docs', 2, 'second', true);
SELECT annex.rollback('docs', 'slow');
SELECT annex.set_alias('docs', 'canary', 2);
SQL

# What must be the same on the other side.
my $registry = <<'SQL';
SELECT 'history', count(*), md5(string_agg(h::text, ';' ORDER BY id)) FROM annex.history h;
SELECT 'deployment', md5(string_agg(d::text, ';' ORDER BY id)) FROM annex.deployment d;
SELECT 'model', md5(string_agg(m::text, ';' ORDER BY model)) FROM annex.model m;
SELECT 'version', md5(string_agg(v::text, ';' ORDER BY version)) FROM annex.version v;
SELECT 'measurement', md5(string_agg(m::text, ';' ORDER BY id)) FROM annex.measurement m;
SELECT 'experiment', md5(string_agg(e::text, ';' ORDER BY id)) FROM annex.experiment e;
SELECT 'exposure', count(*), md5(string_agg(x::text, ';' ORDER BY id)) FROM annex.exposure x;
SELECT 'outcome', md5(string_agg(o::text, ';' ORDER BY id)) FROM annex.outcome o;
SELECT 'sample', md5(string_agg(s::text, ';' ORDER BY id)) FROM annex.query_sample s;
SELECT 'compare', annex.compare('docs'), annex.compare('docs', 1);
SELECT 'route', md5(string_agg(r::text, ';' ORDER BY i)) FROM generate_series(1, 300) i, annex.route('docs', 'u' || i) r;
SELECT 'sequences', e.last_value, x.last_value, o.last_value, s.last_value
	FROM annex.experiment_id_seq e, annex.exposure_id_seq x, annex.outcome_id_seq o, annex.query_sample_id_seq s;
SELECT 'sentinel', md5(string_agg(s::text, ';' ORDER BY content)) FROM annex.sentinel s;
SELECT 'artifact', (sha256(string_agg(data, '' ORDER BY part)) = (SELECT artifact_sha256 FROM annex.version WHERE version = 1)) FROM annex.artifact;
SELECT 'sequences', d.last_value, m.last_value FROM annex.deployment_id_seq d, annex.measurement_id_seq m;
SELECT 'grants', relname, relacl FROM pg_class WHERE relnamespace IN ('annex'::regnamespace, 'team'::regnamespace) AND relkind IN ('r', 'v') ORDER BY relname;
SELECT 'columns', attrelid::regclass, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid::regclass::text LIKE 'annex.%' ORDER BY 2, 3;
SELECT 'rows', version, count(*), md5(string_agg(embedding::text, ';' ORDER BY id)) FROM team.docs_embeddings GROUP BY version ORDER BY version;
SELECT 'ready', item, ok FROM annex.readiness('docs', 1) WHERE item <> 'sentinel';
SELECT 'champion', annex.champion('docs');
SQL
# A challenge that runs with exposures, an outcome and a sample, after one that was concluded.
as('docs_team', 'prod', q{SELECT annex.challenge('docs', 2, 0.5, 'click'), annex.conclude('docs', false)});
as('docs_team', 'prod', q{SELECT annex.challenge('docs', 2, 0.5, 'click')});
as('web', 'prod', <<'SQL');
SELECT count(annex.expose('docs', 'u' || i)) FROM generate_series(1, 300) i;
SELECT annex.feedback('docs', 'u7', 1), annex.sample_query('docs', 1, '[1,2]', 1, 5);
SQL

my $original = as('dbo', 'prod', $registry);
like($original, qr/^artifact\|t$/m, 'the artifact has its hash');
my $owners = q{SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ' ') FROM pg_class WHERE relnamespace = 'annex'::regnamespace};
my $file = $node->basedir . '/models.dump';
$node->command_ok([ 'pg_dump', '-U', 'dbo', '-Fc', '-f', $file, $node->connstr('prod') ], 'the owner dumps');

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
for my $case ([ 'owner', 'dbo', [ '-U', 'dbo' ] ], [ 'role', 'dbo', ['--role=dbo'] ], [ 'superuser', $superuser, [] ])
{
	my ($name, $expected_owner, $options) = @$case;
	my $database = "restored_$name";
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER dbo TEMPLATE template0");
	$node->command_ok([ 'pg_restore', '--exit-on-error', @$options, '-d', $node->connstr($database), $file ], "$name restores");
	my $restored = $node->safe_psql($database, $registry);
	my $copy = $original;
	# A superuser who restores becomes the owner of the extension's tables, and the grantor of what is granted on them.
	s/\bdbo\b/OWNER/g, s/\b\Q$superuser\E\b/OWNER/g for $copy, $restored;
	is($restored, $copy, "$name: registry, rows and rights are the same");
	is($node->safe_psql($database, $owners), $expected_owner, "$name: owner of the tables");
	# Life goes on where it was: the challenge runs, numbers continue, the way back is open.
	is( as('web', $database, q{SELECT annex.expose('docs', 'u7') IN (1, 2), annex.feedback('docs', 'u7', 1), annex.feedback('docs', 'u301', 1)}),
		't|t|f', "$name: the challenge goes on");
	is(as('docs_team', $database, q{SELECT annex.conclude('docs', false)}), 'undecided', "$name: and can be concluded");
	is( as('docs_team', $database, q{SELECT annex.register_version('docs', 4); SELECT annex.promote('docs', 2, force => true) > 3, annex.rollback('docs')}),
		"3\nt|1", "$name: the next version, promotion and rollback");
}

# No promotion while a challenge runs.
as('docs_team', 'prod', q{SELECT annex.conclude('docs', false)});

# Readers under load: nobody sees two versions in one answer or none, and nobody waits: with this timeout any lock wait is an error.
my $read = $node->basedir . '/read.sql';
append_to_file($read, <<'SQL');
SELECT 1 / (count(*) = 300 AND min(version) = max(version) AND min(vector_dims(embedding)) = max(vector_dims(embedding)))::int
	FROM team.docs_embeddings WHERE version = (SELECT annex.champion('docs'));
SQL
my $switch = $node->basedir . '/switch.sql';
append_to_file($switch, "SELECT annex.promote('docs', 2, force => true);\nSELECT annex.rollback('docs');\n");
my $readers;
{
	local $ENV{PGOPTIONS} = '-c lock_timeout=1ms';
	$readers = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-t', 500, '-f', $read, '-U', 'web', $node->connstr('prod') ],
		'>', \my $out, '2>', \my $err);
}
$node->command_ok([ 'pgbench', '-n', '-c', 1, '-t', 100, '-f', $switch, '-U', 'docs_team', $node->connstr('prod') ], 'promotions and rollbacks under load');
ok(IPC::Run::finish($readers), 'readers saw one whole version each time, and waited for nobody');
is(as('dbo', 'prod', q{SELECT count(*) FILTER (WHERE action = 'promote') - count(*) FILTER (WHERE action = 'rollback') FROM annex.deployment WHERE alias = 'champion'}),
	1, 'every move is in the log');

# Many promotions at once: the log stays one chain, whoever wins.
my $race = $node->basedir . '/race.sql';
append_to_file($race, "\\set v random(1, 2)\nSELECT annex.promote('docs', :v, force => true);\n");
$node->run_log([ 'pgbench', '-n', '-c', 8, '-t', 20, '-f', $race, '-U', 'docs_team', $node->connstr('prod') ]);
is( as('dbo', 'prod', q{SELECT count(*) FILTER (WHERE prev IS NULL), count(*) - count(DISTINCT prev), bool_and(prev < id OR prev IS NULL) FROM annex.deployment WHERE alias = 'champion'}),
	'1|1|t', 'racing promotions leave one chain');

# A standby agrees, refuses to write, and serves the new champion after replay; so does the server after a crash.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
as('docs_team', 'prod', q{SELECT annex.promote('docs', CASE annex.champion('docs') WHEN 1 THEN 2 ELSE 1 END, force => true)});
my $champion = as('dbo', 'prod', q{SELECT annex.champion('docs')});
as('docs_team', 'prod', q{SELECT annex.challenge('docs', 3 - annex.champion('docs'), 0.5, 'click')});
my $routes = q{SELECT count(DISTINCT r.arm), md5(string_agg(r::text, ';' ORDER BY i)) FROM generate_series(1, 300) i, annex.route('docs', 'u' || i) r};
my $split = as('web', 'prod', $routes);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('prod', q{SELECT annex.champion('docs')}), $champion, 'the standby has the new champion');
is($standby->safe_psql('prod', $routes), $split, 'the standby routes units as the primary does');
is($standby->safe_psql('prod', q{SELECT annex.sample_query('docs', 1, '[1,2]', 1)}), 'f', 'sampling on a standby keeps nothing and refuses nothing');
is($standby->safe_psql('prod', q{SELECT count(*) FROM annex.readiness('docs', 1)}), 8, 'readiness works on a standby');
is($standby->safe_psql('prod', q{SELECT annex.check_sentinel('docs', 1, 'x', '[1,2]')}), 1, 'sentinels are checked on a standby');
is($standby->safe_psql('prod', q{SELECT count(*) FROM annex.progress('docs')}), 2, 'progress works on a standby');
is($standby->safe_psql('prod', q{SELECT annex.overlap('docs', 1, 1)}), 1, 'overlap works on a standby');
for my $call (
	q{register_model('other', 'team.docs', 'id', 'body')}, q{register_version('docs', 2)}, q{retire_version('docs', 2)},
	q{set_alias('docs', 'canary', 1)}, q{put('docs', 1, '1', '[1,2]', sha256('x'))}, q{promote('docs', 2, force => true)},
	q{rollback('docs')}, q{maintain()}, q{grant_to('web', 'reader')}, q{challenge('docs', 3 - annex.champion('docs'), 0.5, 'click')},
	q{expose('docs', 'new')}, q{feedback('docs', 'u1', 1)}, q{conclude('docs', false)})
{
	# A transaction that only reads is refused alike, on any server.
	for my $case ([ $standby, 'on a standby' ], [ $node, 'by a transaction that only reads', 'SET default_transaction_read_only = on;' ])
	{
		my ($server, $where, $setting) = @$case;
		my ($code, undef, $message) = $server->psql('prod', "\\set VERBOSITY sqlstate\n" . ($setting // '') . "SELECT annex.$call");
		like($message, qr/ERROR:  25006/, "$call is refused $where");
	}
}
$node->stop('immediate');
$node->start;
is(as('dbo', 'prod', q{SELECT annex.champion('docs')}), $champion, 'the champion survives a crash');

$standby->stop;
# A hundred experiments of ten thousand units without a difference: at most ten name a winner, and no split is called broken. Foreign
# keys are true by construction, and not checked a million times.
is($node->safe_psql('prod', <<'SQL'), '100|1000000|t|0', 'of a hundred equal challengers few are called better or worse');
SET session_replication_role = replica;
SET synchronous_commit = off;
DO 'BEGIN PERFORM setseed(0.5); END';
INSERT INTO annex.experiment (model, champion, challenger, fraction, metric, ended_at) SELECT 'docs', 1, 2, 0.5, 'equal ' || i, now() FROM generate_series(1, 100) i;
INSERT INTO annex.exposure (experiment, unit, version)
	SELECT e.id, u, CASE WHEN random() < 0.5 THEN 2 ELSE 1 END FROM annex.experiment e, generate_series(1, 10000) u WHERE e.metric LIKE 'equal%';
INSERT INTO annex.outcome (exposure, value) SELECT x.id, 1 FROM annex.exposure x JOIN annex.experiment e ON e.id = x.experiment
	WHERE e.metric LIKE 'equal%' AND random() < 0.1;
ANALYZE annex.exposure, annex.outcome, annex.experiment;
SELECT count(*), sum(c.n_champion + c.n_challenger), count(*) FILTER (WHERE c.verdict LIKE '%better') <= 10, count(*) FILTER (WHERE c.verdict LIKE 'invalid%')
	FROM annex.experiment e, annex.compare('docs', e.id) c WHERE e.metric LIKE 'equal%';
SQL

# What the last test wrote need not reach the disk.
$node->stop('immediate');
done_testing();
