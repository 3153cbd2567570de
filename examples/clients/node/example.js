// node-postgres with the npm package pgvector: every type, nearest neighbours through an index, filters.
//
//     npm ci && node example.js [DSN]        a connection string, or the PG* variables

import pg from 'pg';
import pgvector from 'pgvector/pg';
import { SparseVector } from 'pgvector';

const ROWS = 2000, DIMENSIONS = 32, CATEGORIES = 10;
let checks = 0, failures = 0;

// One promise of the example, as a line of the Test Anything Protocol.
function check(isRight, text) {
  checks += 1;
  if (!isRight) failures += 1;
  console.log(`${isRight ? 'ok' : 'not ok'} ${checks} - ${text}`);
}

// Vectors in clusters, as embeddings are, the same in each run.
let state = 1;
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.fround(state / 2 ** 31 - 1);
}
const centers = Array.from({ length: 20 }, () => Array.from({ length: DIMENSIONS }, random));
const nearCenter = (number) => centers[number % 20].map((element) => Math.fround(element + random() / 2));

const client = new pg.Client(process.argv[2]);
await client.connect();
await client.query('CREATE EXTENSION IF NOT EXISTS vector');
await pgvector.registerTypes(client);

await client.query('DROP TABLE IF EXISTS node_items');
await client.query(`CREATE TABLE node_items (id int PRIMARY KEY, category int,
  v vector(${DIMENSIONS}), h halfvec(${DIMENSIONS}), s sparsevec(${DIMENSIONS}), b bit(${DIMENSIONS}))`);
const vectors = Array.from({ length: ROWS }, (_, number) => nearCenter(number));
const sparse = (number) => new SparseVector({ [number % DIMENSIONS]: 1.5 }, DIMENSIONS);
const bits = (vector) => vector.map((element) => (element > 0 ? '1' : '0')).join('');
await client.query('BEGIN');
for (const [number, vector] of vectors.entries()) {
  await client.query({
    name: 'insert',
    text: 'INSERT INTO node_items VALUES ($1, $2, $3, $4, $5, $6)',
    values: [number, number % CATEGORIES, pgvector.toSql(vector), pgvector.toSql(vector), pgvector.toSql(sparse(number)), bits(vector)],
  });
}
await client.query('COMMIT');

const row = (await client.query('SELECT v, h, s, b FROM node_items WHERE id = 17')).rows[0];
check(row.v.every((element, k) => Math.fround(element) === vectors[17][k]), 'a vector comes back as it was');
check(row.h.every((element, k) => Math.abs(element - vectors[17][k]) < 0.002), 'a halfvec, rounded to eleven bits');
check(row.s.indices[0] === 17 && row.s.values[0] === 1.5, 'a sparsevec');
check(row.b === bits(vectors[17]), 'a bit string');

await client.query('CREATE INDEX ON node_items USING hnsw (v vector_l2_ops)');
await client.query('CREATE INDEX ON node_items USING hnsw (h halfvec_cosine_ops)');
await client.query('CREATE INDEX ON node_items USING hnsw (b bit_hamming_ops)');
await client.query('ANALYZE node_items');
await client.query('SET hnsw.ef_search = 100');
await client.query('SET enable_seqscan = off');
await client.query('SET enable_sort = off');

// The ids of a search through the index, once the plan has been looked at, and the share of the exact answer among them.
async function search(condition, operator, parameters) {
  const text = `SELECT id FROM node_items ${condition} ORDER BY ${operator} LIMIT 10`;
  const plan = (await client.query('EXPLAIN ' + text, parameters)).rows.map((line) => line['QUERY PLAN']).join('\n');
  check(plan.includes('Index Scan using node_items_'), `through the index: ${condition} ${operator}`);
  const found = (await client.query(text, parameters)).rows.map((each) => each.id);
  await client.query('BEGIN');
  await client.query('SET LOCAL enable_indexscan = off');
  const exact = (await client.query(text, parameters)).rows.map((each) => each.id);
  await client.query('COMMIT');
  return found.length === 10 ? found.filter((id) => exact.includes(id)).length / exact.length : 0;
}
// Of bit strings many are equally near: the tenth distance is compared, not the rows.
async function tenth(parameter) {
  return (await client.query('SELECT b <~> $1::bit(' + DIMENSIONS + ') AS d FROM node_items ORDER BY b <~> $1::bit(' + DIMENSIONS + ') LIMIT 10', [parameter])).rows[9].d;
}
const query = pgvector.toSql(nearCenter(3));
check((await search('', 'v <-> $1', [query])) >= 0.9, 'the ten nearest vectors');
check((await search('', 'h <=> $1', [query])) >= 0.9, 'the ten nearest halves');
const nearest = await tenth(bits(vectors[3]));
await client.query('SET enable_indexscan = off');
check(nearest === (await tenth(bits(vectors[3]))), 'the ten nearest bit strings, by their distance');
await client.query('RESET enable_indexscan');
await client.query('SET hnsw.iterative_scan = strict_order');
check((await search('WHERE category = $2', 'v <-> $1', [query, 3])) >= 0.9, 'the ten nearest of a category');

const distance = (await client.query('SELECT v <-> $1 AS distance, avg(v) OVER () AS center FROM node_items WHERE id = 0', [pgvector.toSql(vectors[0])])).rows[0];
check(distance.distance === 0 && distance.center.length === DIMENSIONS, 'distance and avg');
await client.query('INSERT INTO node_items (id, v) VALUES (-1, $1)', [pgvector.toSql([1, 2, 3])]).then(
  () => check(false, 'a vector of other dimensions is refused'),
  (error) => check(error.code === '22000' && error.message === `expected ${DIMENSIONS} dimensions, not 3`, 'a vector of other dimensions is refused'),
);
await client.end();
console.log(`1..${checks}`);
process.exitCode = failures ? 1 : 0;
