# Proves: for each metric recall@10 keeps a floor after the build, after inserts, and after deletes and vacuum, and
# annex.recall is what a brute-force computation outside the extension says.
use strict;
use warnings;
use List::Util qw(sum);
use Test::More;
use RecallTest;

use constant {
	DIMS => 32,
	CLUSTERS => 40,
	ROWS => 8000,
	QUERIES => 400,
	CHECKED_QUERIES => 8,
	K => 10,
};

# Means over QUERIES seeded queries; what is lost is mostly all rows of a query that ends in the wrong cluster. Of a fresh
# index, and at most what inserts, deletes and vacuum may take from that: an index of the same rows built anew is measured
# at the end.
my %floor = (40 => 0.985, 200 => 0.995);
my %decay = (40 => 0.015, 200 => 0.005);

# The form of each metric's index; tests/README.md tells which test has the other one.
my %form = (l2 => 'inline', ip => 'compact', cosine => 'inline', l1 => 'compact');

my $node = start_server('floors');

# Queries in the places of deleted clusters are left out: they have no near rows.
sub measured_recall
{
	my ($ef_search, $deleted) = @_;
	return $node->safe_psql(
		'postgres', qq(
SELECT avg(recall) FROM annex.recall('items_idx',
    (SELECT array_agg(embedding ORDER BY id) FROM queries WHERE id % @{[CLUSTERS]} <> ALL ('{$deleted}')), @{[K]}, $ef_search)));
}

sub floors_hold
{
	my ($when, $lost, $deleted) = @_;
	for my $ef_search (sort { $a <=> $b } keys %floor)
	{
		my $recall = measured_recall($ef_search, $deleted);
		my $least = $floor{$ef_search} - ($lost ? $decay{$ef_search} : 0);
		cmp_ok($recall, '>=', $least, "$when, ef_search $ef_search: recall $recall");
	}
	return;
}

# The worn index against one built anew of the same rows.
sub decay_is_bounded
{
	my ($when, $deleted) = @_;
	my %worn = map { ($_ => measured_recall($_, $deleted)) } keys %decay;
	$node->safe_psql('postgres', 'REINDEX INDEX items_idx');
	for my $ef_search (sort { $a <=> $b } keys %decay)
	{
		my $fresh = measured_recall($ef_search, $deleted);
		cmp_ok($worn{$ef_search}, '>=', $fresh - $decay{$ef_search}, "$when, ef_search $ef_search: $worn{$ef_search}, built anew $fresh");
	}
	return;
}

# The distance in double precision from the elements, by nothing of the extension but the type's text.
my %distance = (
	l2 => sub {
		my ($q, $r) = @_;
		return sqrt(sum(map { ($q->[$_] - $r->[$_])**2 } 0 .. $#$q));
	},
	ip => sub {
		my ($q, $r) = @_;
		return -sum(map { $q->[$_] * $r->[$_] } 0 .. $#$q);
	},
	cosine => sub {
		my ($q, $r) = @_;
		my $norms = sqrt(sum(map { $_**2 } @$q) * sum(map { $_**2 } @$r));
		return 1 - sum(map { $q->[$_] * $r->[$_] } 0 .. $#$q) / $norms;
	},
	l1 => sub {
		my ($q, $r) = @_;
		return sum(map { abs($q->[$_] - $r->[$_]) } 0 .. $#$q);
	});

sub vectors_of
{
	my ($query) = @_;
	my %vectors;
	for my $line (split /\n/, $node->safe_psql('postgres', $query))
	{
		my ($id, $text) = split /\|/, $line;
		$vectors{$id} = [ split /,/, substr($text, 1, -1) ];
	}
	return \%vectors;
}

# Few candidates, so that there is something to miss: the recall that annex.recall reports for each query is the share
# of the true nearest rows among those that a plain search returns.
sub agrees_with_brute_force
{
	my ($metric, $operator) = @_;
	my $ef_search = 11;
	my @reported = split /\n/, $node->safe_psql(
		'postgres', qq(
SELECT recall FROM annex.recall('items_idx',
    (SELECT array_agg(embedding ORDER BY id) FROM queries WHERE id <= @{[CHECKED_QUERIES]}), @{[K]}, $ef_search) ORDER BY query));
	my $rows = vectors_of('SELECT id, embedding FROM items');
	my $queries = vectors_of("SELECT id, embedding FROM queries WHERE id <= @{[CHECKED_QUERIES]}");
	my @computed;
	for my $id (1 .. CHECKED_QUERIES)
	{
		my %to = map { ($_ => $distance{$metric}->($queries->{$id}, $rows->{$_})) } keys %$rows;
		my @nearest = (sort { $to{$a} <=> $to{$b} } keys %to)[ 0 .. K- 1 ];
		my %is_nearest = map { ($_ => 1) } @nearest;
		my @found = split /\n/, $node->safe_psql(
			'postgres', qq(
SET enable_seqscan = off;
SET enable_sort = off;
SET hnsw.ef_search = $ef_search;
SELECT id FROM items ORDER BY embedding $operator (SELECT embedding FROM queries WHERE id = $id) LIMIT @{[K]}));
		push @computed, grep({ $is_nearest{$_} } @found) / K;
	}
	is_deeply([ map { $_ + 0 } @reported ], \@computed, "$metric: annex.recall is the share of the nearest rows: @computed");
	return;
}

for (METRICS)
{
	my ($metric, $operator, $class) = @$_;
	fill_clustered($node, dims => DIMS, clusters => CLUSTERS, spread => 0.4, rows => ROWS, queries => QUERIES);
	$node->safe_psql('postgres', "CREATE INDEX items_idx ON items USING hnsw (embedding $class) WITH (storage = $form{$metric})");
	floors_hold("$metric, built", 0, '');
	insert_clustered($node, ROWS + 1, 1.25 * ROWS, CLUSTERS, 0.2);
	floors_hold("$metric, a fifth inserted", 1, '');
	delete_and_vacuum($node, 'id % 3 = 0');
	floors_hold("$metric, a third deleted and vacuumed", 1, '');
	insert_clustered($node, 2 * ROWS + 1, 2.25 * ROWS, CLUSTERS, 0.3);
	delete_and_vacuum($node, "id % @{[CLUSTERS]} IN (1, 2, 3)");
	floors_hold("$metric, inserted again, whole clusters deleted and vacuumed", 1, '1,2,3');
	decay_is_bounded($metric, '1,2,3');
	agrees_with_brute_force($metric, $operator);
}

$node->stop;
done_testing();
