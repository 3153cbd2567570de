//! The gate before a promotion: eight questions about a version, always the same eight, in the same order.

use super::coverage::{self, Coverage};
use super::errors;
use super::json;
use super::lookup::{Deployment, Model, Version, type_schema};
use crate::error::{Error, Result};
use crate::pg::row_set::Cell;
use crate::pg::spi::{Row, Session};
use pgrx::pg_sys::Oid;
use sha2::{Digest, Sha256};

/// A version of fewer rows is searched exactly, and needs no index.
const ROWS_WITHOUT_INDEX: i64 = 1000;

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is asked for.
    pub name: &'static str,
    /// Whether it is so; `None` if there is nothing to judge yet.
    pub ok: Option<bool>,
    /// What the answer rests on.
    pub detail: String,
}

impl Item {
    fn new(name: &'static str, ok: impl Into<Option<bool>>, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok: ok.into(),
            detail: detail.into(),
        }
    }
}

/// The eight answers, and the coverage if it could be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Readiness {
    /// In the order in which they are always shown.
    pub items: Vec<Item>,
    /// None if a relation is gone, or rows are hidden from the caller.
    pub coverage: Option<Coverage>,
}

impl Readiness {
    /// The items that stand against a promotion.
    pub fn failed(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.ok == Some(false))
    }

    /// The error that refuses a version; `None` if nothing stands against it.
    pub fn refusal(&self, model: &str, version: i32) -> Option<Error> {
        let names: Vec<&str> = self.failed().map(|item| item.name).collect();
        if names.is_empty() {
            return None;
        }
        let lines: Vec<String> = self
            .failed()
            .map(|item| format!("{}: {}", item.name, item.detail))
            .collect();
        let names = names.join(", ");
        let message = format!("version {version} of model \"{model}\" is not ready: {names}");
        Some(
            errors::not_now(message)
                .with_detail(lines.join("\n"))
                .with_hint("To promote it all the same, which is recorded, call promote with force => true."),
        )
    }

    /// All answers as a JSON object.
    pub fn json(&self) -> String {
        json::object(self.items.iter().map(|item| {
            let ok = item.ok.map_or("null".to_owned(), |ok| ok.to_string());
            let detail = json::string(&item.detail);
            (item.name, json::object([("ok", ok), ("detail", detail)]))
        }))
    }

    /// All answers as rows.
    pub fn rows(self) -> Vec<Row> {
        let cells = |item: Item| {
            Row(vec![
                Cell::Text(item.name.to_owned()),
                item.ok.map_or(Cell::Null, Cell::Bool),
                Cell::Text(item.detail),
            ])
        };
        self.items.into_iter().map(cells).collect()
    }
}

/// Asks all of a version that is not retired.
/// # Errors
/// PostgreSQL's own are raised, 42501 for a caller who may not read source and embeddings among them.
pub fn assess(session: &Session, model: &Model, version: &Version) -> Result<Readiness> {
    let Some(table) = &version.table else {
        return without_table(session, model, version);
    };
    let coverage = match coverage::is_hidden(session, model, version)? {
        true => None,
        false => Some(Coverage::count(session, model, version)?),
    };
    let items = vec![
        Item::new("relations", true, "source and embeddings exist"),
        covered(version, coverage.as_ref()),
        indexed(session, version, table)?,
        recalled(session, model, version)?,
        guarded(session, model, version)?,
        stored(session, model, version)?,
        granted(session, model, version)?,
        secured(session, model, version)?,
    ];
    Ok(Readiness { items, coverage })
}

fn without_table(session: &Session, model: &Model, version: &Version) -> Result<Readiness> {
    let gone = |name| Item::new(name, false, "embeddings are gone");
    let items = vec![
        gone("relations"),
        gone("coverage"),
        gone("index"),
        recalled(session, model, version)?,
        guarded(session, model, version)?,
        stored(session, model, version)?,
        gone("grants"),
        gone("rls"),
    ];
    Ok(Readiness {
        items,
        coverage: None,
    })
}

/// By the counts, not by their rounded percentage: of a million texts even one counts. And only by whoever sees all texts.
fn covered(version: &Version, coverage: Option<&Coverage>) -> Item {
    let Some(coverage) = coverage else {
        let detail = "row security hides rows from the role that asks";
        return Item::new("coverage", false, detail);
    };
    let minimum = version.minimum.coverage;
    let Coverage {
        total,
        current,
        stale,
        missing,
    } = *coverage;
    let detail = format!(
        "{current} of {total} texts are current, {stale} stale, {missing} missing; at least {minimum} % required"
    );
    let ok = 100.0 * current as f64 >= minimum * total as f64;
    Item::new("coverage", ok, detail)
}

/// The hnsw index that serves a version: on all of its embeddings, by its metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingIndex {
    /// The index.
    pub oid: Oid,
    /// Its name without the schema.
    pub name: String,
    /// Whether queries may use it.
    pub is_valid: bool,
}

impl ServingIndex {
    /// The index of a version, a valid one if there is one; `None` if there is none.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn of(session: &Session, version: &Version) -> Result<Option<Self>> {
        let class = operator_class(version);
        let schema = type_schema(session)?;
        let parameters = [version.embeddings.into(), (&class).into(), (&schema).into()];
        let found = session.lookup(INDEX, &parameters)?;
        Ok(found.first().and_then(|row| {
            Some(Self {
                name: row.text(0)?,
                is_valid: row.is_true(1),
                oid: row.oid(2)?,
            })
        }))
    }
}

fn operator_class(version: &Version) -> String {
    format!("vector_{}_ops", version.metric)
}

fn indexed(session: &Session, version: &Version, table: &str) -> Result<Item> {
    if let Some(index) = ServingIndex::of(session, version)? {
        let name = index.name;
        return Ok(if index.is_valid {
            Item::new("index", true, name)
        } else {
            Item::new("index", false, format!("index {name} is not valid"))
        });
    }
    let class = operator_class(version);
    let sql = format!(
        "SELECT pg_catalog.count(*) FROM (SELECT FROM {table} LIMIT {ROWS_WITHOUT_INDEX}) v"
    );
    let rows = session.query(&sql, &[])?;
    let count = rows.first().and_then(|row| row.bigint(0)).unwrap_or(0);
    if count < ROWS_WITHOUT_INDEX {
        return Ok(Item::new("index", true, "exact scan"));
    }
    Ok(Item::new(
        "index",
        false,
        format!("no hnsw index on embedding with {class}; annex.index_ddl gives the command"),
    ))
}

/// The newest measurement of a kind: value, whether it is fresh, its time as text.
fn newest_measurement(
    session: &Session,
    model: &Model,
    version: &Version,
    kind: &str,
) -> Result<Option<Row>> {
    let name = &model.name;
    let parameters = [name.into(), version.number.into(), kind.into()];
    Ok(session.lookup(MEASUREMENT, &parameters)?.pop())
}

fn recalled(session: &Session, model: &Model, version: &Version) -> Result<Item> {
    let Some(row) = newest_measurement(session, model, version, "recall")? else {
        return Ok(Item::new("recall", None, "never measured"));
    };
    let (value, minimum) = (row.double(0).unwrap_or(f64::NAN), version.minimum.recall);
    let at = row.text(2).unwrap_or_default();
    let detail = format!("{value:.4} measured at {at}, at least {minimum} required");
    Ok(Item::new(
        "recall",
        value >= minimum && row.is_true(1),
        aged(detail, &row),
    ))
}

fn guarded(session: &Session, model: &Model, version: &Version) -> Result<Item> {
    let name = &model.name;
    let parameters = [name.into(), version.number.into()];
    if session.lookup(HAS_SENTINEL, &parameters)?.is_empty() {
        return Ok(Item::new("sentinel", None, "the version has no sentinel"));
    }
    let Some(row) = newest_measurement(session, model, version, "sentinel")? else {
        return Ok(Item::new("sentinel", false, "never checked"));
    };
    let (value, at) = (
        row.double(0).unwrap_or(f64::NAN),
        row.text(2).unwrap_or_default(),
    );
    let detail = format!("similarity {value:.6} at {at}");
    Ok(Item::new("sentinel", row.is_true(1), aged(detail, &row)))
}

fn aged(detail: String, row: &Row) -> String {
    if row.is_true(1) {
        detail
    } else {
        detail + ", more than 7 days ago"
    }
}

fn stored(session: &Session, model: &Model, version: &Version) -> Result<Item> {
    let name = &model.name;
    let parameters = [name.into(), version.number.into()];
    let rows = session.lookup(ARTIFACT, &parameters)?;
    let Some((row, parts)) = rows.first().and_then(|row| Some((row, row.bigint(0)?))) else {
        return Ok(Item::new("artifact", None, "no bytes are stored"));
    };
    if parts == 0 {
        return Ok(Item::new("artifact", None, "no bytes are stored"));
    }
    if !row.is_true(1) {
        let detail = format!("the {parts} parts are not numbered from 0 without gaps");
        return Ok(Item::new("artifact", false, detail));
    }
    let Some(expected) = &version.artifact_sha256 else {
        return Ok(Item::new(
            "artifact",
            false,
            "the version has no artifact_sha256",
        ));
    };
    // Part by part: together they may be more than one value can hold.
    let mut digest = Sha256::new();
    let mut len = 0;
    for part in 0..parts {
        let parameters = [name.into(), version.number.into(), part.into()];
        let row = session.lookup(ARTIFACT_PART, &parameters)?.pop();
        let bytes = row.and_then(|row| row.bytes(0)).unwrap_or_default();
        digest.update(&bytes);
        len += bytes.len();
    }
    let detail = format!("{parts} parts, {len} bytes");
    if digest.finalize().as_slice() == expected.as_slice() {
        return Ok(Item::new("artifact", true, detail));
    }
    let detail = format!("{detail}, whose SHA-256 is not artifact_sha256");
    Ok(Item::new("artifact", false, detail))
}

fn granted(session: &Session, model: &Model, version: &Version) -> Result<Item> {
    let (source, embeddings) = (model.source.oid, version.embeddings);
    let wider = session.lookup(
        WIDER,
        &[source.into(), embeddings.into(), (&model.name).into()],
    )?;
    if let Some(who) = wider.first().and_then(|row| row.text(0)) {
        let detail = format!("{who} may read the embeddings but not the source");
        return Ok(Item::new("grants", false, detail));
    }
    let champion =
        Deployment::newest(session, &model.name, "champion")?.and_then(|row| row.version);
    let champion = match champion {
        Some(number) if number != version.number => number,
        _ => {
            return Ok(Item::new(
                "grants",
                true,
                "nobody reads more than the source",
            ));
        }
    };
    let parameters = [(&model.name).into(), champion.into(), embeddings.into()];
    let narrower = session.lookup(NARROWER, &parameters)?;
    if let Some(who) = narrower.first().and_then(|row| row.text(0)) {
        let detail = format!("{who} may read the champion's embeddings but not these");
        return Ok(Item::new("grants", false, detail));
    }
    Ok(Item::new("grants", true, "as the champion's"))
}

fn secured(session: &Session, model: &Model, version: &Version) -> Result<Item> {
    let parameters = [model.source.oid.into(), version.embeddings.into()];
    let rows = session.lookup(ROW_SECURITY, &parameters)?;
    let row = rows.first().cloned().unwrap_or_default();
    let (ok, detail) = if !row.is_true(0) {
        (true, "the source has no row security")
    } else if !row.is_true(1) {
        (
            false,
            "the source has row security, the embeddings have not",
        )
    } else if !row.is_true(2) {
        (
            false,
            "the source forces row security on its owner, the embeddings do not",
        )
    } else if !row.is_true(3) {
        (
            false,
            "the embeddings have row security but no policy for SELECT",
        )
    } else {
        (true, "source and embeddings have row security")
    };
    Ok(Item::new("rls", ok, detail))
}

const INDEX: &str = "
    SELECT c.relname::text, x.indisvalid AND x.indisready, c.oid
    FROM pg_index x
    JOIN pg_class c ON c.oid = x.indexrelid
    JOIN pg_am am ON am.oid = c.relam AND am.amname = 'hnsw'
    JOIN pg_opclass o ON o.oid = x.indclass[0] AND o.opcname = $2::name
    JOIN pg_namespace n ON n.oid = o.opcnamespace AND quote_ident(n.nspname) = $3
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] AND a.attname = 'embedding'
    WHERE x.indrelid = $1 AND x.indpred IS NULL
    ORDER BY x.indisvalid AND x.indisready DESC, c.relname LIMIT 1";

const MEASUREMENT: &str = "
    SELECT value, at > now() - interval '7 days', to_char(at, 'YYYY-MM-DD HH24:MI:SSOF') FROM annex.measurement
    WHERE model = $1 AND version = $2 AND kind = $3 ORDER BY id DESC LIMIT 1";

const HAS_SENTINEL: &str = "SELECT 1 FROM annex.sentinel WHERE model = $1 AND version = $2 LIMIT 1";

const ARTIFACT: &str = "
    SELECT count(*), min(part) = 0 AND max(part) = count(*) - 1 FROM annex.artifact WHERE model = $1 AND version = $2";

const ARTIFACT_PART: &str =
    "SELECT data FROM annex.artifact WHERE model = $1 AND version = $2 AND part = $3";

/// Whoever reads embeddings reads, in effect, the texts: the right on the text's column is what counts.
const WIDER: &str = "
    SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE format('role \"%s\"', pg_get_userbyid(a.grantee)) END
    FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a, annex.model m
    WHERE c.oid = $2 AND a.privilege_type = 'SELECT' AND m.model = $3
        AND NOT has_column_privilege(a.grantee, $1, m.content_column::text, 'SELECT')
    ORDER BY 1 LIMIT 1";

const NARROWER: &str = "
    SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE format('role \"%s\"', pg_get_userbyid(a.grantee)) END
    FROM annex.version v JOIN pg_class c ON c.oid = v.embeddings::oid,
        aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
    WHERE v.model = $1 AND v.version = $2 AND a.privilege_type = 'SELECT'
        AND NOT has_table_privilege(a.grantee, $3, 'SELECT')
    ORDER BY 1 LIMIT 1";

const ROW_SECURITY: &str = "
    SELECT s.relrowsecurity, v.relrowsecurity, v.relforcerowsecurity OR NOT s.relforcerowsecurity,
        EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = v.oid AND p.polcmd IN ('r', '*'))
    FROM pg_class s, pg_class v WHERE s.oid = $1 AND v.oid = $2";
