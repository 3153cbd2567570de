# Proves: rows whose differences are small beside the spread of the table are found, although their codes are nearly
# equal: groups along one axis, and clusters that lie far apart in all of them; in both forms, built at once or row by row.
use strict;
use warnings;
use Test::More;
use RecallTest;

my $node = start_server('coarse_codes');
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.25);
CREATE FUNCTION noise(n bigint, dims int) RETURNS float8[] LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(random()) FROM generate_series(1, dims) WHERE n IS NOT NULL
$$;
-- Groups of 400 rows, 10 apart on the first axis.
CREATE TABLE along_axis (id bigint, embedding vector(32));
INSERT INTO along_axis SELECT i, (ARRAY[i % 50 * 10::float8] || noise(i, 31))::vector FROM generate_series(1, 20000) i;
-- Clusters of 1,000 rows, some 1,000 apart.
CREATE TABLE far_apart (id bigint, embedding vector(4));
INSERT INTO far_apart SELECT i, (noise(i, 4)::vector + array_fill((i % 9 * 500)::real, ARRAY[4])::vector)
FROM generate_series(1, 9000) i;
SQL

for my $table (qw(along_axis far_apart))
{
	for my $form (qw(compact inline))
	{
		for my $way ('built', 'row by row')
		{
			my $index = "${table}_idx";
			my $create = "CREATE INDEX $index ON filled USING hnsw (embedding vector_l2_ops) WITH (storage = $form)";
			my $fill = "INSERT INTO filled SELECT * FROM $table";
			my $recall = $node->safe_psql('postgres', join ';',
				"CREATE TABLE filled (LIKE $table)", ($way eq 'built' ? ($fill, $create) : ($create, $fill)),
				"SELECT avg(recall) FROM annex.recall('$index', (SELECT array_agg(embedding) FROM $table WHERE id % 199 = 0), 10)",
				'DROP TABLE filled');
			cmp_ok($recall, '>=', 0.95, "$table, $form, $way: nearest ten at the default ef_search");
		}
	}
}
$node->stop;
done_testing();
