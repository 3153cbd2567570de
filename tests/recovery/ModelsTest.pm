# What tests of the life cycle share: a database `prod` as the worked session leaves it after the first promotion. Roles: dbo owns the
# database, docs_team operates, web is an app, analyst reads; none is a superuser.
package ModelsTest;

use strict;
use warnings;
use Exporter 'import';
use AnnexTest;

our @EXPORT = qw(new_prod as refusal);

my $node;

# A running cluster with database prod. There docs_team has the table docs of 2000 rows, the function fake_model that stands for a model,
# the table weights with five parts of a version's bytes, and the model docs, whose version 1 of 8 dimensions is filled, indexed and serves.
sub new_prod
{
	my ($name) = @_;
	$node = new_node($name);
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE dbo LOGIN;
CREATE ROLE docs_team LOGIN;
CREATE ROLE web LOGIN;
CREATE ROLE analyst LOGIN;
GRANT docs_team TO dbo;
CREATE DATABASE prod OWNER dbo;
SQL
	as('dbo', <<'SQL');
CREATE EXTENSION annex;
CREATE SCHEMA team AUTHORIZATION docs_team;
GRANT USAGE ON SCHEMA team TO web, analyst;
SELECT annex.grant_to('docs_team', 'operator'), annex.grant_to('web', 'app'), annex.grant_to('analyst', 'reader');
SQL
	as('docs_team', <<'SQL');
ALTER ROLE docs_team SET search_path = team, public;
SET search_path = team, public;
CREATE TABLE docs (id bigint PRIMARY KEY, title text, body text NOT NULL);
INSERT INTO docs SELECT i, 'title ' || i, 'doc ' || i FROM generate_series(1, 2000) i;
GRANT SELECT ON docs TO web;
CREATE FUNCTION fake_model(t text, d int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg(get_byte(sha256(convert_to(t, 'UTF8')), i) - 127.5)::real[]::vector FROM generate_series(0, d - 1) i $$;
CREATE TABLE weights AS SELECT part, decode(repeat(md5(part::text), 65536), 'hex') AS data FROM generate_series(0, 4) part;
SELECT annex.register_model('docs', 'docs', 'id', 'body', 'product search');
SELECT annex.register_version('docs', 8, 'cosine', 's3://m/minilm-v1', (SELECT sha256(string_agg(data, '' ORDER BY part)) FROM weights));
SELECT count(*) FROM annex.pending('docs', 1, 5000) WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash);
CREATE INDEX docs_v1_embedding_idx ON docs_v1 USING hnsw (embedding vector_cosine_ops);
SELECT annex.promote('docs', 1, 'first release');
SQL
	return $node;
}

# What a statement of a role answers, by default in prod.
sub as
{
	my ($role, $sql, $database) = @_;
	return $node->safe_psql($database // 'prod', $sql, extra_params => [ '-U', $role ]);
}

# What a statement is refused with, or an empty text.
sub refusal
{
	my ($role, $sql, $database) = @_;
	my ($code, $out, $error) = $node->psql($database // 'prod', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
	return join "\n", grep { /ERROR|DETAIL/ } split /\n/, $error;
}

1;
