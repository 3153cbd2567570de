# The curve of annex.calibrate: a crash on the way leaves the index as it was, one after it leaves the curve; a standby goes by
# the same curve, may not measure, and sees through vacuum that it has become stale.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AnnexTest;

my $primary = new_node('primary', allows_streaming => 1);
my $standby;

# Width and origin of a scan with a target, and whether the curve is stale.
sub width
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		q(SET annex.target_recall = 0.9; SELECT ef_search, origin, coalesce(stale::text, 'none') FROM annex.calibration('t_v')));
}

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

for my $form (FORMS)
{
	$primary->safe_psql('postgres', <<SQL);
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL);
INSERT INTO t SELECT id, vec(id) FROM generate_series(1, 1000) id;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16, ef_search = 23, storage = $form);
SQL
	is(width($primary), '23|index|none', "$form: not calibrated");

	# Killed when the page was added and nothing leads to it.
	my $before = times_ready($primary);
	my (undef, undef, $error) = $primary->psql('postgres', "SET annex.failpoint = 'calibrate_extended';\nSELECT annex.calibrate('t_v')",
		on_error_stop => 0);
	like($error, qr/server closed the connection unexpectedly/, "$form: the backend was killed");
	wait_restarted($primary, $before);
	is(width($primary), '23|index|none', "$form: there is no curve after the crash");
	verify_index($primary, 't_v', "$form, killed on the way");
	$primary->safe_psql('postgres', q(INSERT INTO t SELECT id, vec(id) FROM generate_series(1001, 1100) id));
	verify_index($primary, 't_v', "$form, inserts after it");

	# Measured; then the server is killed.
	$primary->safe_psql('postgres', q(SELECT annex.calibrate('t_v')));
	my $calibrated = width($primary);
	like($calibrated, qr/^\d+\|target\|false$/, "$form: the curve is used");
	$primary->stop('immediate');
	$primary->start;
	is(width($primary), $calibrated, "$form: the curve survives a crash");
	verify_index($primary, 't_v', "$form, after a crash");
}

# A standby from here on.
$primary->backup('base');
$standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $first = width($primary);
is(width($standby), $first, 'the standby goes by the curve of the backup');
$primary->safe_psql('postgres', q(SELECT annex.calibrate('t_v', 40)));
catch_up();
is(width($standby), width($primary), 'and by a newer one');
like(width($standby), qr/\|target\|false$/, 'which is not the option');
verify_index($standby, 't_v', 'standby');
my (undef, undef, $message) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT annex.calibrate('t_v')");
like($message, qr/25006.*annex\.calibrate\(\)/, 'the standby may not calibrate');
is($standby->safe_psql('postgres', q(SELECT count(*) FILTER (WHERE chosen) FROM annex.tune('t_v', 0.8))), 1, 'but it may tune');

# Rows that go are known there when a vacuum has counted.
$primary->safe_psql('postgres', 'DELETE FROM t WHERE id % 3 = 0; VACUUM t');
catch_up();
is(width($standby), '23|index|true', 'the standby sees a stale curve');
$primary->safe_psql('postgres', q(SELECT annex.calibrate('t_v')));
catch_up();
like(width($standby), qr/\|target\|false$/, 'and a fresh one');
$standby->promote;
$standby->safe_psql('postgres', q(SELECT annex.calibrate('t_v', 20)));
like(width($standby), qr/^\d+\|target\|false$/, 'promoted, it may calibrate');
verify_index($standby, 't_v', 'promoted');

$standby->stop;
$primary->stop;
done_testing();
