//! tokio-postgres with the crate pgvector: every type in binary, COPY, nearest neighbours through an index, filters.
//!
//!     cargo run -- 'host=localhost user=postgres dbname=shop'        or the variables PGHOST, PGPORT, PGUSER, PGDATABASE

use std::env;
use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;

use pgvector::{Bit, HalfVector, SparseVector, Vector};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

const ROWS: usize = 2000;
const DIMENSIONS: usize = 32;
const CATEGORIES: i32 = 10;

/// Counts promises of the example and prints them as lines of the Test Anything Protocol.
#[derive(Default)]
struct Checks {
    made: usize,
    failed: usize,
}

impl Checks {
    fn check(&mut self, is_right: bool, text: &str) {
        self.made += 1;
        self.failed += usize::from(!is_right);
        println!(
            "{} {} - {text}",
            if is_right { "ok" } else { "not ok" },
            self.made
        );
    }
}

/// Vectors in clusters, as embeddings are, the same in each run.
struct Sample {
    state: u32,
    centers: Vec<Vec<f32>>,
}

impl Sample {
    fn new() -> Self {
        let mut sample = Sample {
            state: 1,
            centers: Vec::new(),
        };
        sample.centers = (0..20)
            .map(|_| (0..DIMENSIONS).map(|_| sample.random()).collect())
            .collect();
        sample
    }

    fn random(&mut self) -> f32 {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn near_center(&mut self, number: usize) -> Vec<f32> {
        let center = self.centers[number % self.centers.len()].clone();
        center
            .into_iter()
            .map(|element| element + self.random() / 2.0)
            .collect()
    }
}

/// The connection string: the first argument, or the variables of libpq.
fn data_source() -> String {
    env::args().nth(1).unwrap_or_else(|| {
        let variables = [
            ("PGHOST", "host"),
            ("PGPORT", "port"),
            ("PGUSER", "user"),
            ("PGDATABASE", "dbname"),
        ];
        let settings = variables
            .iter()
            .filter_map(|(variable, key)| Some(format!("{key}={} ", env::var(variable).ok()?)));
        settings.collect()
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (client, connection) = tokio_postgres::connect(&data_source(), NoTls).await?;
    tokio::spawn(connection);
    let mut checks = Checks::default();
    let mut sample = Sample::new();

    client
        .batch_execute("CREATE EXTENSION IF NOT EXISTS vector")
        .await?;
    let vectors: Vec<Vec<f32>> = (0..ROWS).map(|number| sample.near_center(number)).collect();
    store(&client, &vectors).await?;
    read_back(&client, &vectors, &mut checks).await?;
    search(&client, &sample.near_center(3), &mut checks).await?;

    let wrong = client
        .execute(
            "INSERT INTO rust_items (id, v) VALUES (-1, $1)",
            &[&Vector::from(vec![1.0; 3])],
        )
        .await;
    let message = wrong
        .err()
        .and_then(|error| Some(error.as_db_error()?.message().to_owned()));
    checks.check(
        message == Some(format!("expected {DIMENSIONS} dimensions, not 3")),
        "a vector of other dimensions is refused",
    );
    println!("1..{}", checks.made);
    Ok(ExitCode::from(u8::from(checks.failed > 0)))
}

/// One COPY in binary: the fastest way in, and nothing is rounded on the way.
async fn store(client: &Client, vectors: &[Vec<f32>]) -> Result<(), Box<dyn Error>> {
    client
        .batch_execute("DROP TABLE IF EXISTS rust_items")
        .await?;
    client
        .batch_execute(&format!(
            "CREATE TABLE rust_items (id int PRIMARY KEY, category int, v vector({DIMENSIONS}), h halfvec({DIMENSIONS}),
             s sparsevec({DIMENSIONS}), b bit({DIMENSIONS}))"
        ))
        .await?;
    // The numbers of the types differ from database to database: a prepared statement knows them.
    let types = client.prepare("SELECT v, h, s, b FROM rust_items").await?;
    let types: Vec<Type> = [Type::INT4, Type::INT4]
        .into_iter()
        .chain(types.columns().iter().map(|column| column.type_().clone()))
        .collect();
    let sink = client
        .copy_in("COPY rust_items FROM STDIN (FORMAT binary)")
        .await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for (number, vector) in vectors.iter().enumerate() {
        let id = i32::try_from(number)?;
        let row: [&(dyn ToSql + Sync); 6] = [
            &id,
            &(id % CATEGORIES),
            &Vector::from(vector.clone()),
            &HalfVector::from_f32_slice(vector),
            &sparse(number),
            &bits(vector),
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}

fn sparse(number: usize) -> SparseVector {
    let mut dense = vec![0.0; DIMENSIONS];
    dense[number % DIMENSIONS] = 1.5;
    SparseVector::from_dense(&dense)
}

fn bits(vector: &[f32]) -> Bit {
    Bit::new(
        &vector
            .iter()
            .map(|element| *element > 0.0)
            .collect::<Vec<bool>>(),
    )
}

async fn read_back(
    client: &Client,
    vectors: &[Vec<f32>],
    checks: &mut Checks,
) -> Result<(), Box<dyn Error>> {
    let count: i64 = client
        .query_one("SELECT count(*) FROM rust_items", &[])
        .await?
        .get(0);
    checks.check(count == ROWS as i64, "COPY in binary stores every row");
    let row = client
        .query_one("SELECT v, h, s, b FROM rust_items WHERE id = 17", &[])
        .await?;
    checks.check(
        row.get::<_, Vector>(0).as_slice() == vectors[17],
        "a vector comes back as it was",
    );
    checks.check(
        row.get::<_, HalfVector>(1) == HalfVector::from_f32_slice(&vectors[17]),
        "a halfvec",
    );
    checks.check(row.get::<_, SparseVector>(2) == sparse(17), "a sparsevec");
    checks.check(row.get::<_, Bit>(3) == bits(&vectors[17]), "a bit string");
    let row = client
        .query_one(
            "SELECT array_agg(v ORDER BY id) FROM rust_items WHERE id IN (1, 2)",
            &[],
        )
        .await?;
    checks.check(
        row.get::<_, Vec<Vector>>(0)[1].as_slice() == vectors[2],
        "an array of vectors",
    );
    Ok(())
}

async fn search(client: &Client, query: &[f32], checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    client
        .batch_execute(
            "CREATE INDEX ON rust_items USING hnsw (v vector_l2_ops); CREATE INDEX ON rust_items USING hnsw (h halfvec_cosine_ops);
             ANALYZE rust_items; SET hnsw.ef_search = 100; SET hnsw.iterative_scan = strict_order; SET enable_sort = off",
        )
        .await?;
    let vector = Vector::from(query.to_vec());
    let half = HalfVector::from_f32_slice(query);
    let searches: [(&str, &str, Vec<&(dyn ToSql + Sync)>); 3] = [
        (
            "the ten nearest vectors",
            "ORDER BY v <-> $1 LIMIT 10",
            vec![&vector],
        ),
        (
            "the ten nearest halves",
            "ORDER BY h <=> $1 LIMIT 10",
            vec![&half],
        ),
        (
            "the ten nearest of a category",
            "WHERE category = $2 ORDER BY v <-> $1 LIMIT 10",
            vec![&vector, &3],
        ),
    ];
    for (text, clauses, parameters) in searches {
        let statement = format!("SELECT id FROM rust_items {clauses}");
        client.batch_execute("SET enable_seqscan = off").await?;
        let plan = client
            .query(&format!("EXPLAIN {statement}"), &parameters)
            .await?;
        let is_indexed = plan.iter().any(|line| {
            line.get::<_, &str>(0)
                .contains("Index Scan using rust_items_")
        });
        checks.check(is_indexed, &format!("through the index: {clauses}"));
        let found = ids(client, &statement, &parameters).await?;
        client
            .batch_execute("RESET enable_seqscan; SET enable_indexscan = off")
            .await?;
        let exact = ids(client, &statement, &parameters).await?;
        client.batch_execute("RESET enable_indexscan").await?;
        let hits = found.iter().filter(|id| exact.contains(id)).count();
        checks.check(found.len() == 10 && hits >= 9, text);
    }
    Ok(())
}

async fn ids(
    client: &Client,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<i32>, Box<dyn Error>> {
    Ok(client
        .query(statement, parameters)
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect())
}
