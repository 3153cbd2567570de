# What the life cycle of models promises, promise by promise, on the data of the worked session: as a pipeline, several workers, an auditor
# and an attacker among one's own would meet it. The promises about users, recall and monitoring are in 023.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use ModelsTest;

my $node = new_prod('acceptance');
my $top10 = q{SET enable_seqscan = off; SELECT md5(string_agg(id::text, ' ')) FROM (
	SELECT id FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> fake_model('doc 7', 8) LIMIT 10) nearest};
my $before = as('docs_team', $top10);

note 'promise 1: a pipeline goes by the exit status';
as('docs_team', q{SELECT annex.register_version('docs', 16, 'cosine', 's3://m/bge-v2')});
sub pipeline
{
	return $node->psql('prod', q{SELECT annex.promote('docs', 2)}, on_error_stop => 1, extra_params => [ '-U', 'docs_team' ]);
}
isnt(pipeline(), 0, 'not ready: the exit status is not 0');
is(as('docs_team', q{SELECT annex.champion('docs')}), 1, 'and version 1 serves on');

note 'promise 11: two workers, rows edited, deleted and added meanwhile';
as('docs_team', q{SELECT count(*) FROM annex.pending('docs', 2, 1000) WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)});
as('docs_team', <<'SQL');
UPDATE docs SET body = body || ' (edited)' WHERE id IN (10, 20, 30);
DELETE FROM docs WHERE id = 40;
INSERT INTO docs VALUES (9001, 'new', 'new doc');
SQL
is(as('docs_team', q{SELECT concat_ws('|', total, current, stale, missing) FROM annex.progress('docs') WHERE version = 2}),
	'2000|996|3|1001', 'progress counts what is current, stale and missing');
as('docs_team', 'TRUNCATE docs_v2');
as('docs_team', 'CREATE TABLE stored (worker int, key text)');
# Each in transactions of 100 rows, as long as there is anything in its slice.
my @workers = map {
	my $file = $node->basedir . "/worker$_.sql";
	append_to_file($file, <<"SQL" x 12);
WITH pulled AS MATERIALIZED (SELECT * FROM annex.pending('docs', 2, 100, $_, 2))
INSERT INTO stored SELECT $_, key FROM pulled WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash);
SQL
	[ $_, IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'docs_team', '-f', $file, '-d', $node->connstr('prod') ], '2>', \my $error) ]
} 0, 1;
ok(IPC::Run::finish($_->[1]), "worker $_->[0] met no error") for @workers;
is(as('docs_team', q{SELECT count(*) || '|' || count(DISTINCT key) || '|' || count(DISTINCT worker) FROM stored}),
	'2000|2000|2', 'two thousand rows by two workers, none twice');
is(as('docs_team', q{SELECT concat_ws('|', total, current, stale, missing) FROM annex.progress('docs') WHERE version = 2}),
	'2000|2000|0|0', 'all of them current');
as('docs_team', q{SELECT count(*) FROM annex.pending('docs', 1, 5000) WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash)});
as('docs_team', 'CREATE INDEX docs_v2_embedding_idx ON docs_v2 USING hnsw (embedding vector_cosine_ops)');

note 'promise 4: versions do not touch each other';
like(refusal('docs_team', q{SELECT annex.put('docs', 1, '1', '[1,2,3]', annex.content_hash('doc 1'))}),
	qr/22000: expected 8 dimensions, not 3$/, 'a vector of another model is refused');
is(as('docs_team', $top10), $before, 'what version 1 answers has not changed by version 2');

note 'promise 2: versions side by side';
like(refusal('docs_team', 'UPDATE annex.version SET dim = 1'), qr/42501: permission denied for table version/, 'the registry is closed to its operators');
is(as('web', q{SELECT string_agg(version || ':' || dims || ':' || n, ' ' ORDER BY version)
	FROM (SELECT version, min(vector_dims(embedding)) AS dims, count(*) AS n FROM team.docs_embeddings GROUP BY version) v}),
	'1:8:2000 2:16:2000', 'both answer in one query');
is(as('docs_team', q{SELECT annex.overlap('docs', 1, 2) BETWEEN 0 AND 1, annex.overlap('docs', 1, 1)}), 't|1', 'and are compared without users');

note 'promise 1, continued';
is(as('docs_team', q{BEGIN; SELECT annex.promote('docs', 2); ROLLBACK; SELECT annex.champion('docs')}), "2\n1", 'a promotion is a part of its transaction');
is(pipeline(), 0, 'ready: the exit status is 0');
is(pipeline(), 0, 'and again');
is(as('analyst', q{SELECT count(*) FROM annex.history WHERE to_version = 2}), 1, 'with one row in history');

note 'promise 11, continued';
as('docs_team', 'DELETE FROM docs WHERE id BETWEEN 501 AND 600');
is(as('docs_team', q{SELECT count(*) FILTER (WHERE id BETWEEN 501 AND 600), count(*) FROM docs_embeddings}), '0|3800', 'rows go with those of the source');
is(as('docs_team', <<'SQL'), '0|0', 'no search finds one, in either version');
SET enable_seqscan = off; SET hnsw.ef_search = 200;
SELECT count(*) FILTER (WHERE found BETWEEN 501 AND 600), 100 * 2 * 50 - count(*)
FROM generate_series(501, 600) i, LATERAL (
	(SELECT id AS found FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> fake_model('doc ' || i, 8) LIMIT 50)
	UNION ALL (SELECT id FROM docs_embeddings WHERE version = 2 ORDER BY embedding <=> fake_model('doc ' || i, 16) LIMIT 50)) nearest
SQL

note 'promise 5: the bytes of the model';
my $artifact = q{SELECT sha256(string_agg(a.data, '' ORDER BY part)) = v.artifact_sha256, count(*), sum(length(data))
	FROM annex.artifact a JOIN annex.version v USING (model, version) GROUP BY v.artifact_sha256};
my $is_ready = q{SELECT ok FROM annex.readiness('docs', 1) WHERE item = 'artifact'};
as('docs_team', q{INSERT INTO annex.artifact (model, version, part, data) SELECT 'docs', 1, part, data FROM weights});
is(as('analyst', $artifact), 't|5|5242880', 'five parts of 1 MiB have the hash that was registered');
is(as('docs_team', $is_ready), 't', 'and readiness says so');

note 'promise 9: nobody is put in another one\'s place';
like(refusal('docs_team', q{INSERT INTO annex.deployment (model, version, action, prev, actor) VALUES ('docs', 1, 'promote', 2, 'web')}),
	qr/42501: permission denied for table deployment/, 'an actor cannot be forged');
my $history = q{SELECT count(*) || ' ' || md5(string_agg(h::text, ';' ORDER BY id)) FROM annex.history h};
my $file = $node->basedir . '/prod.dump';
$node->command_ok([ 'pg_dump', '-U', 'dbo', '-Fc', '-f', $file, $node->connstr('prod') ], 'the owner dumps');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER dbo TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--role=dbo', '-d', $node->connstr('restored'), $file ], 'a superuser restores for him');
is(as('analyst', $history, 'restored'), as('analyst', $history), 'history is the same');
is(as('analyst', $artifact, 'restored'), 't|5|5242880', 'the artifact is the same');
is(as('docs_team', $is_ready, 'restored'), 't', 'and readiness says so there');
as('dbo', 'UPDATE annex.artifact SET data = set_byte(data, 77, get_byte(data, 77) # 1) WHERE part = 3', 'restored');
is(as('docs_team', $is_ready, 'restored'), 'f', 'until one byte is changed by who owns the tables');
# Row security of the source alone: what is open is said, refused, and on the record if somebody insists.
as('docs_team', q{ALTER TABLE docs ENABLE ROW LEVEL SECURITY; CREATE POLICY even ON docs USING (id % 2 = 0)});
is(as('docs_team', q{SELECT ok FROM annex.readiness('docs', 1) WHERE item = 'rls'}), 'f', 'a version without row security is not ready');
like(refusal('docs_team', q{SELECT annex.promote('docs', 1)}), qr/55000: version 1 of model "docs" is not ready: rls\nDETAIL/, 'and refused');
as('docs_team', q{SELECT annex.promote('docs', 1, 'incident', force => true)});
is(as('analyst', q{SELECT from_version, to_version, forced, reason, actor FROM annex.history ORDER BY id DESC LIMIT 1}),
	'2|1|t|incident|docs_team', 'who forced it is in history');
# A version registered from now on is filled and read behind the source's policies.
as('docs_team', <<'SQL');
SELECT annex.register_version('docs', 4);
SELECT count(*) FROM annex.pending('docs', 3, 5000) WHERE annex.put('docs', 3, key, fake_model(content, 4), content_hash);
SQL
is(as('web', 'SELECT count(*), count(*) FILTER (WHERE id % 2 = 1) FROM team.docs'), '949|0', 'the source hides half of its rows');
is(as('web', 'SELECT count(*), count(*) FILTER (WHERE id % 2 = 1) FROM team.docs_embeddings WHERE version = 3'), '949|0', 'so does the new version');

$node->stop;
done_testing();
