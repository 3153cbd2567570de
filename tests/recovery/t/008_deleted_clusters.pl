# Whole clusters are deleted, vacuum dies before its repair, and rows come in where only tombstones are: the way to the
# clusters that live on is not lost, neither then nor after the next vacuum.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $node = new_node('clusters', conf => "restart_after_crash = on\nmaintenance_work_mem = 128MB\n");
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.1);
CREATE FUNCTION near_centre(c int) RETURNS vector LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(hashint4(c * 100 + j)::float8 / 2147483648 * 5 + random() - 0.5)::vector FROM generate_series(1, 16) j
$$;
CREATE TABLE t (id serial PRIMARY KEY, c int NOT NULL, v vector(16) NOT NULL);
INSERT INTO t (c, v) SELECT i % 20, near_centre(i % 20) FROM generate_series(1, 40000) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
DELETE FROM t WHERE c < 15;
SQL

sub level { return $node->safe_psql('postgres', q(SELECT entry_level FROM annex.index_info('t_v'))); }

sub recall_is_high
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $recall = $node->safe_psql('postgres',
		q(SELECT avg(recall) FROM annex.recall('t_v', (SELECT array_agg(v) FROM t WHERE id % 101 = 0), 10)));
	cmp_ok($recall, '>=', 0.95, "recall $when");
	return;
}

my $before = level();
recall_is_high('before');
my $ready = times_ready($node);
$node->psql('postgres', "SET annex.failpoint = 'vacuum_deleted'; VACUUM t");
wait_restarted($node, $ready);
recall_is_high('beside tombstones');
$node->safe_psql('postgres', 'INSERT INTO t (c, v) SELECT i, near_centre(i) FROM generate_series(0, 19) i');
cmp_ok(level(), '>=', $before, 'inserts among tombstones leave the entry point where it is');
recall_is_high('after inserts among tombstones');
$node->safe_psql('postgres', 'VACUUM t');
cmp_ok(level(), '>=', 2, 'vacuum chooses a node of the highest level as the entry point');
recall_is_high('after vacuum');
verify_index($node, 't_v', 'after vacuum');
$node->stop;
done_testing();
