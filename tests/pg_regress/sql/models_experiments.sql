-- Proves: units are split as the fraction says, the same in every connection; a difference is found, none is made up, a broken split is
-- noticed; what a challenge runs on cannot be moved or retired; its end is written down, and stays what it was.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs VALUES (1, 'one'), (2, 'two');
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2, 'l2', 's3://one'),
    annex.register_version('docs', 3, 'l2', 's3://two', params => '{"normalize": true}'), annex.register_version('docs', 4, 'l2');
SELECT count(annex.put('docs', 1, key, '[1,2]', content_hash)), count(annex.put('docs', 2, key, '[1,2,3]', content_hash)) FROM annex.pending('docs', 1);

-- Before the first promotion and without a challenge.
SELECT * FROM annex.route('docs', 'user-42');
SELECT annex.promote('docs', 1) > 0 AS promoted;
SELECT * FROM annex.route('docs', 'user-42');
SELECT annex.expose('docs', 'user-42'), annex.feedback('docs', 'user-42', 1);
SELECT count(*) FROM annex.exposure;
-- A version that is not ready is no challenger.
SELECT annex.challenge('docs', 3, 0.1, 'click');
SELECT annex.challenge('docs', 2, 0.1, 'click', planned_units => 20000);
SELECT annex.challenge('docs', 2, 0.2, 'click');
SELECT id, model, champion, challenger, fraction, metric, aggregate, horizon, alpha, planned_units, salt ~ '^[0-9a-f-]{36}$' AS salted,
    started_by = current_user AS by_me, ended_at FROM annex.experiment;
SELECT * FROM annex.compare('docs');
-- While it runs: no promotion, not even a forced one; neither version can be retired; promoting the champion changes nothing.
SELECT annex.promote('docs', 2, force => true);
SELECT annex.promote('docs', 1) = max(id) AS same_row FROM annex.deployment;
SELECT annex.retire_version('docs', 2);
-- A rollback with nowhere to go ends no challenge, and says what does.
SELECT annex.rollback('docs');
\echo :LAST_ERROR_SQLSTATE

-- The split: known for this salt; the same asked twice, in a statement of its own, in another connection, in a parallel worker.
SELECT annex.bucket('salt', 'user-42') = 0.661081857154914, annex.bucket('salt', 'user-1') = 0.7441716137127821,
    annex.bucket('salt', '') = 0.9041008515631961, annex.bucket('salt', U&'usu\00E1rio-7') = 0.11437784516396099 AS unicode;
UPDATE annex.experiment SET salt = 's1';
CREATE TABLE split AS SELECT i, r.* FROM generate_series(1, 50000) i, annex.route('docs', 'u' || i) r;
SELECT arm, version, experiment, dim, metric, artifact_uri, params, count(*) FROM split GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1;
SELECT count(*) AS changed FROM split JOIN annex.route('docs', 'u' || i) r ON r.version <> split.version WHERE i <= 5000;
\c -
SET search_path = team, public;
SELECT count(*) AS changed FROM split JOIN annex.route('docs', 'u' || i) r ON r.version <> split.version WHERE i <= 5000;
SELECT (SELECT version FROM annex.route('docs', 'u7')) = version AS same FROM split WHERE i = 7;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT count(*) FROM split, annex.route('docs', 'u' || i) r WHERE r.version <> split.version AND i <= 5000;
SELECT count(*) AS changed FROM split, annex.route('docs', 'u' || i) r WHERE r.version <> split.version AND i <= 5000;
ROLLBACK;
-- Who was below 0.1 is below 0.2; another salt draws anew.
SELECT count(*) FILTER (WHERE annex.bucket('s1', 'u' || i) < 0.1) AS tenth, count(*) FILTER (WHERE annex.bucket('s1', 'u' || i) < 0.2) AS fifth,
    round(corr((annex.bucket('s1', 'u' || i) < 0.1)::int, (annex.bucket('s2', 'u' || i) < 0.1)::int)::numeric, 4) AS correlation
    FROM generate_series(1, 50000) i;

-- Exposures: once a unit. Champion clicks 10 %, challenger 14 %.
SELECT count(*) FILTER (WHERE annex.expose('docs', 'u' || i) = version) AS as_routed FROM split;
SELECT annex.expose('docs', 'u1'), annex.expose('docs', 'u1');
-- With the query too: the same, and a sample of the version that serves. What is wrong records nothing.
BEGIN;
SELECT count(*) FILTER (WHERE annex.expose('docs', 'w' || i, (CASE r.version WHEN 1 THEN '[1,2]' ELSE '[1,2,3]' END)::vector, 1, 7) = r.version) AS as_routed
    FROM generate_series(1, 100) i, annex.route('docs', 'w' || i) r;
SELECT count(*) AS exposures, (SELECT count(*) FROM annex.query_sample) AS samples FROM annex.exposure WHERE unit LIKE 'w%';
SELECT version, query, k, count(*) > 0 AS some FROM annex.query_sample GROUP BY 1, 2, 3 ORDER BY 1;
TRUNCATE annex.query_sample;
SELECT count(*) FILTER (WHERE annex.expose('docs', 'w1', (CASE r.version WHEN 1 THEN '[1,2]' ELSE '[1,2,3]' END)::vector) = r.version) AS as_routed
    FROM generate_series(1, 10000) i, annex.route('docs', 'w1') r;
SELECT count(*) BETWEEN 50 AND 150 AS about_one_percent FROM annex.query_sample;
ROLLBACK;
SELECT annex.expose('docs', 'x1', '[1]', 0);
SELECT annex.expose('docs', 'x1', '[1,2]', 2);
SELECT annex.expose('docs', 'x1', '[1,2]', k => 0);
SELECT annex.expose('docs', 'x1', NULL);
SELECT count(*) AS exposures FROM annex.exposure WHERE unit = 'x1';
SELECT version, count(*) FROM annex.exposure GROUP BY version ORDER BY version;
SELECT count(*) FILTER (WHERE annex.feedback('docs', unit, 1)) FROM annex.exposure
    WHERE annex.bucket('click', unit) < CASE version WHEN 2 THEN 0.14 ELSE 0.10 END;
SELECT annex.feedback('docs', 'u50001', 1) AS never_exposed;
SELECT experiment, metric, champion, challenger, n_champion, n_challenger, round(mean_champion::numeric, 6) AS mean_champion,
    round(mean_challenger::numeric, 6) AS mean_challenger, round(diff::numeric, 6) AS diff, round(lo::numeric, 6) AS lo, round(hi::numeric, 6) AS hi, srm_p, verdict
    FROM annex.compare('docs');
-- The interval by the formula, from the tables.
WITH unit AS (
    SELECT x.version, coalesce(max(o.value), 0) AS y FROM annex.exposure x LEFT JOIN annex.outcome o ON o.exposure = x.id GROUP BY x.id, x.version
), arm AS (
    SELECT count(*) FILTER (WHERE version = 1) AS n0, count(*) FILTER (WHERE version = 2) AS n1, avg(y) FILTER (WHERE version = 1) AS m0,
        avg(y) FILTER (WHERE version = 2) AS m1, var_samp(y) FILTER (WHERE version = 1) AS v0, var_samp(y) FILTER (WHERE version = 2) AS v1 FROM unit
), rho AS (
    SELECT *, n0 + n1 AS n, (-2 * ln(0.05::float8) + ln(1 - 2 * ln(0.05::float8))) / 20000 AS rho2 FROM arm
), formula AS (
    SELECT *, sqrt(v1 / 0.1 + v0 / 0.9) * sqrt(2 * (n * rho2 + 1) * ln(sqrt(n * rho2 + 1) / 0.05) / (n::float8 * n * rho2)) AS h FROM rho
)
SELECT abs(c.diff - (m1 - m0)) < 1e-12 AS diff, abs(c.lo / (m1 - m0 - h) - 1) < 1e-12 AS lo, abs(c.hi / (m1 - m0 + h) - 1) < 1e-12 AS hi FROM formula, annex.compare('docs') c;

-- Half of one arm is lost: whatever the means say, nothing is concluded from them.
BEGIN;
DELETE FROM annex.exposure WHERE version = 2 AND id % 2 = 0;
SELECT n_challenger, srm_p < 0.001 AS mismatch, verdict FROM annex.compare('docs');
SELECT annex.conclude('docs', promote => true);
ROLLBACK;
BEGIN;
DELETE FROM annex.exposure WHERE version = 2 AND id % 2 = 0;
SELECT annex.conclude('docs', promote => false);
ROLLBACK;
-- Too few units of one arm.
BEGIN;
DELETE FROM annex.exposure x USING (SELECT id, row_number() OVER (PARTITION BY version ORDER BY id) AS n FROM annex.exposure) r WHERE r.id = x.id AND r.n > 99;
SELECT n_champion, n_challenger, verdict FROM annex.compare('docs');
ROLLBACK;
-- The champion is better: a promotion all the same needs a reason.
BEGIN;
UPDATE annex.outcome o SET value = CASE x.version WHEN 1 THEN 2 ELSE 1 END FROM annex.exposure x WHERE x.id = o.exposure;
SELECT verdict FROM annex.compare('docs');
SAVEPOINT refused;
SELECT annex.conclude('docs', promote => true);
ROLLBACK TO refused;
SELECT annex.conclude('docs', promote => true, reason => 'cheaper');
SELECT reason FROM annex.history ORDER BY id DESC LIMIT 1;
ROLLBACK;

-- The end: recorded with the last sentinel results, promoted, and the result stays when exposures have gone.
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 2, 'x', '[1,2,3]');
SELECT annex.check_sentinel('docs', 2, 'x', '[1,2,3]');
CREATE TABLE result AS SELECT * FROM annex.compare('docs');
SELECT annex.conclude('docs', promote => true);
SELECT annex.champion('docs'), (SELECT reason FROM annex.history ORDER BY id DESC LIMIT 1) AS reason;
SELECT m.version, m.value = r.diff AND m.lo = r.lo AND m.hi = r.hi AND m.n = r.n_champion + r.n_challenger AS numbers, m.detail - 'mean_champion' - 'mean_challenger' - 'diff' - 'lo' - 'hi' #- '{sentinel,challenger,at}' AS detail
    FROM annex.measurement m, result r WHERE kind = 'experiment';
SELECT annex.conclude('docs', promote => false);
SELECT annex.feedback('docs', 'u1', 1), annex.expose('docs', 'u1');
SELECT arm, version, experiment FROM annex.route('docs', 'u1');
SET annex.unit_max_days = 0;
SELECT annex.maintain();
SELECT count(*) FROM annex.exposure;
SELECT count(*) FROM annex.outcome;
SELECT c = r AS same FROM annex.compare('docs') c, result r;
SELECT c = r AS same FROM annex.compare('docs', 1) c, result r;
RESET annex.unit_max_days;

-- A rollback ends a challenge, which would go on to serve what is taken back.
SELECT annex.challenge('docs', 1, 0.5, 'dwell', horizon => '1 hour', aggregate => 'sum', alpha => 0.01) AS aborted \gset
SELECT count(annex.expose('docs', 'u' || i)) FROM generate_series(1, 20) i;
SELECT annex.rollback('docs', 'v2 is slow');
SELECT experiment = :aborted AS aborted, n_champion + n_challenger AS units, verdict FROM annex.compare('docs');
SELECT value, detail - 'experiment' AS detail FROM annex.measurement WHERE kind = 'experiment' ORDER BY id DESC LIMIT 1;
SELECT count(*) AS running FROM annex.experiment WHERE ended_at IS NULL;

-- Horizon and aggregates: a unit counts when its time has passed, with what came until then. One unit of each arm is too young.
SELECT annex.challenge('docs', 2, 0.5, 'dwell', horizon => '1 hour', aggregate => 'sum') AS challenge \gset
INSERT INTO annex.exposure (experiment, unit, version, at) SELECT :challenge, 'old' || i, 1 + i % 2, now() - interval '2 hours' FROM generate_series(1, 400) i;
INSERT INTO annex.exposure (experiment, unit, version) VALUES (:challenge, 'young1', 1), (:challenge, 'young2', 2);
INSERT INTO annex.outcome (exposure, value, at) SELECT id, v, at + v * interval '20 minutes' FROM annex.exposure, generate_series(1, 4) v WHERE experiment = :challenge AND version = 2;
SELECT n_champion, n_challenger, mean_champion, mean_challenger, srm_p, verdict FROM annex.compare('docs');
BEGIN;
UPDATE annex.experiment SET aggregate = 'avg' WHERE id = :challenge;
SELECT mean_challenger FROM annex.compare('docs');
UPDATE annex.experiment SET aggregate = 'max' WHERE id = :challenge;
SELECT mean_challenger FROM annex.compare('docs');
UPDATE annex.experiment SET horizon = '0' WHERE id = :challenge;
SELECT n_champion, n_challenger, mean_challenger FROM annex.compare('docs');
ROLLBACK;
SELECT annex.conclude('docs', false);
SELECT verdict FROM annex.compare('docs', :aborted);
SELECT n_champion, n_challenger, mean_challenger, verdict FROM annex.compare('docs', :challenge);
SELECT annex.promote('docs', 2) > 0 AS promoted;

-- Two models at once; one challenge each.
CREATE TABLE images (id int PRIMARY KEY, caption text);
SELECT annex.register_model('images', 'images', 'id', 'caption'), annex.register_version('images', 2), annex.register_version('images', 3);
SELECT annex.promote('images', 1) > 0 AS promoted;
SELECT annex.challenge('docs', 1, 0.5, 'click') > 0 AS docs, annex.challenge('images', 2, 0.5, 'click') > 0 AS images;
SELECT annex.challenge('images', 2, 0.5, 'click');
\echo :LAST_ERROR_SQLSTATE
SELECT model, champion, challenger FROM annex.experiment WHERE ended_at IS NULL ORDER BY model;
-- A rollback of one model ends its challenge, and no other's.
SELECT annex.rollback('docs') AS docs;
SELECT model, annex.champion(model) FROM annex.experiment WHERE ended_at IS NULL;

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
