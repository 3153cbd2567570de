# Proves on real data: recall@10 of sparse vectors, the words of Debian's package descriptions weighted by TF-IDF: of all packages
# that apt knows by their synopses, and of those installed by each paragraph.
use strict;
use warnings;
use Test::More;
use RecallTest;

use constant { HELD_OUT => 40, QUERIES => 400, MOST => 10000 };

# Texts that differ, from the output of a program or a file with `Description:` fields.
my (%seen, @texts);
sub add_text
{
	my ($text) = @_;
	my @words = map { lc } $text =~ /([A-Za-z][A-Za-z0-9+]+)/g;
	return if @words < 3 || @texts >= MOST || $seen{"@words"}++;
	push @texts, \@words;
	return;
}

sub read_descriptions
{
	my ($in) = @_;
	my ($package, $text) = ('', '');
	while (my $line = <$in>)
	{
		$package = $1 if $line =~ /^Package: (\S+)/;
		if ($line =~ /^Description(?:-\w+)?: (.*)/) { $text = "$package $1" }
		elsif ($line =~ /^ \.$/ || $line !~ /^ / || !$text) { add_text($text); $text = '' }
		else { $text .= $line }
	}
	add_text($text);
	return;
}

open(my $status, '<', '/var/lib/dpkg/status') or die "could not read dpkg's status: $!";
read_descriptions($status);
open(my $available, '-|', 'apt-cache dumpavail 2>/dev/null') or die "could not start apt-cache: $!";
read_descriptions($available);
cmp_ok(scalar(@texts), '>=', 1000, scalar(@texts) . ' texts');

# Index of each word, and how many texts have it.
my (%index, %texts_with);
my $dims = 0;
for my $words (@texts)
{
	my %once = map { ($_ => 1) } @$words;
	for my $word (sort keys %once) { $index{$word} = ++$dims if !$texts_with{$word}++ }
}

# One plus the logarithm of how often the text has it, times that of how few texts have it.
sub vector_of
{
	my ($words) = @_;
	my %count;
	$count{$_}++ for @$words;
	my @elements = map { sprintf '%d:%.4f', $index{$_}, (1 + log $count{$_}) * (1 + log(@texts / $texts_with{$_})) } keys %count;
	return '{' . join(',', @elements) . "}/$dims";
}

my $node = start_server('sparse');
$node->safe_psql('postgres', "CREATE TABLE texts (id integer, words sparsevec($dims)); CREATE TABLE queries (LIKE texts)");
my %copy;
for my $table ('texts', 'queries')
{
	open($copy{$table}, '|-', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
		'-c', "COPY $table FROM STDIN") or die "could not start psql: $!";
}
my $queries = 0;
for my $id (1 .. @texts)
{
	my $is_query = $id % HELD_OUT == 0 && $queries < QUERIES;
	$queries += $is_query;
	print { $copy{ $is_query ? 'queries' : 'texts' } } "$id\t" . vector_of($texts[ $id - 1 ]) . "\n";
}
ok(close($copy{$_}), "$_ loaded") for sort keys %copy;

# Floors leave room: which packages there are, and so which texts, differs from machine to machine. Short texts share few words with
# any other, so their neighbors are hardly nearer than all the rest, and by taxicab and Euclidean distance the shortest texts are near
# to every one. `unit` is Euclidean distance between vectors of length one. By Euclidean distance most searches can turn to their
# surroundings by one link; about one build in 400 beside other work lacks it and has .57 at 40, where the others have .73.
my %floor = (
	cosine => { 40 => 0.78, 200 => 0.89 },
	ip => { 40 => 0.88, 200 => 0.96 },
	l1 => { 40 => 0.62, 200 => 0.82 },
	l2 => { 40 => 0.54, 200 => 0.84 },
	unit => { 40 => 0.78, 200 => 0.89 });
for my $name (sort keys %floor)
{
	my $metric = $name eq 'unit' ? 'l2' : $name;
	if ($name eq 'unit')
	{
		$node->safe_psql('postgres', "UPDATE $_ SET words = l2_normalize(words)") for ('texts', 'queries');
		$node->safe_psql('postgres', 'VACUUM FULL texts');
	}
	$node->safe_psql('postgres', "CREATE INDEX texts_idx ON texts USING hnsw (words sparsevec_${metric}_ops)");
	for my $ef_search (sort { $a <=> $b } keys %{ $floor{$name} })
	{
		my ($count, $recall, $approx_ms, $exact_ms) = split /\|/, $node->safe_psql(
			'postgres', qq(
SELECT count(*), avg(recall), avg(approx_ms)::numeric(9, 2), max(exact_ms)::numeric(9, 2)
FROM annex.recall('texts_idx', (SELECT array_agg(words ORDER BY id) FROM queries), 10, $ef_search)));
		is($count, $queries, "$name, ef_search $ef_search: every query is answered");
		cmp_ok($recall, '>=', $floor{$name}{$ef_search}, "$name, ef_search $ef_search: recall $recall, $approx_ms ms by the index, $exact_ms ms by the table");
	}
	is($node->safe_psql('postgres', q(SELECT count(*) FROM annex.verify('texts_idx', true))), 0, "$name: nothing is wrong with the index");
	$node->safe_psql('postgres', 'DROP INDEX texts_idx');
}

$node->stop;
done_testing();
