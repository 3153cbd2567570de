//! The fences between modules: which files may say `unsafe`, which never see PostgreSQL, and who may use whom.
//!
//! Reads the source text, so that a fence falls with the change that breaks it and not at a distant link error.

use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders that may hold unsafe code. Each of the files must, or it leaves the list.
const UNSAFE_FOLDER: &str = "pg/";
const UNSAFE_FILES: [&str; 11] = [
    "distance/bits/dispatch.rs",
    "distance/bits/x86_64.rs",
    "distance/dispatch.rs",
    "distance/prefetch.rs",
    "distance/x86_64/avx2.rs",
    "distance/x86_64/avx512.rs",
    "guc.rs",
    "hnsw/handler.rs",
    "hnsw/options.rs",
    "types/datum.rs",
    "types/sparse/datum.rs",
];

/// Files and folders that tests and benches link: they know neither pgrx nor what stands on it.
const PURE: [&str; 52] = [
    "distance/bits.rs",
    "distance/bits/",
    "distance/dispatch.rs",
    "distance/element.rs",
    "distance/half.rs",
    "distance/mod.rs",
    "distance/prefetch.rs",
    "distance/scalar.rs",
    "distance/sparse.rs",
    "distance/x86_64.rs",
    "distance/x86_64/",
    "error.rs",
    "hnsw/build/builder.rs",
    "hnsw/build/flat.rs",
    "hnsw/build/flat/",
    "hnsw/build/hnsw_rs.rs",
    "hnsw/build/partition.rs",
    "hnsw/build/partition/",
    "hnsw/build/refine.rs",
    "hnsw/build/source.rs",
    "hnsw/codes.rs",
    "hnsw/codes/",
    "hnsw/estimates.rs",
    "hnsw/graph.rs",
    "hnsw/layout.rs",
    "hnsw/layout/",
    "hnsw/memory_graph.rs",
    "hnsw/nearest.rs",
    "hnsw/scan_counters.rs",
    "hnsw/search.rs",
    "hnsw/select.rs",
    "hnsw/vector_hash.rs",
    "hnsw/visited.rs",
    "hnsw/visited_places.rs",
    "models/bucket.rs",
    "models/json.rs",
    "models/names.rs",
    "recall/ladder.rs",
    "recall/measure.rs",
    "recall/screen.rs",
    "recall/tids.rs",
    "statistics/",
    "types/aggregates.rs",
    "types/binary.rs",
    "types/element.rs",
    "types/mod.rs",
    "types/text.rs",
    "types/typmod.rs",
    "types/vector.rs",
    "types/sparse.rs",
    "types/sparse/binary.rs",
    "types/sparse/text.rs",
];

/// What of `pg` is plain data, and may be used by the files above.
const PLAIN_OF_PG: [&str; 2] = ["crate::pg::page::", "crate::pg::relation::Tid"];

/// One source file: its path below `src/` and its text.
struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of src/") {
            let path = entry.expect("an entry of src/").path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 60, "src/ was not found");
    paths
        .into_iter()
        .map(|path| Source {
            text: fs::read_to_string(&path).expect("a source file"),
            path: path
                .strip_prefix(&root)
                .expect("a path below src/")
                .to_string_lossy()
                .replace('\\', "/"),
        })
        .collect()
}

impl Source {
    /// Lines of code outside tests, with their numbers: no comments, nothing from the test module on.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or("")))
    }

    fn is_in(&self, list: &[&str]) -> bool {
        list.iter().any(|entry| match entry.ends_with('/') {
            true => self.path.starts_with(entry),
            false => self.path == *entry,
        })
    }
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

/// All lines that break a rule, for one message that names them all.
fn assert_none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Unsafe code stands only where a reader expects it, and the list of these places is not longer than needed.
#[test]
fn unsafe_code_stays_inside_the_fence() {
    let mut outside = Vec::new();
    let mut unused: Vec<&str> = UNSAFE_FILES.to_vec();
    for source in sources() {
        let is_fenced = source.path.starts_with(UNSAFE_FOLDER) || source.is_in(&UNSAFE_FILES);
        for (number, line) in source.code() {
            if has_word(line, "unsafe") || line.contains("allow(unsafe_code)") {
                unused.retain(|path| *path != source.path);
                if !is_fenced {
                    outside.push(format!("src/{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    assert_none("unsafe code outside the fence", outside);
    assert!(unused.is_empty(), "without unsafe code: {unused:?}");
}

/// What tests link has no way to a PostgreSQL symbol.
#[test]
fn pure_modules_do_not_know_postgres() {
    let mut found = Vec::new();
    let mut missing: Vec<&str> = PURE.to_vec();
    for source in sources() {
        missing.retain(|entry| !source.is_in(&[entry]));
        if !source.is_in(&PURE) {
            continue;
        }
        for (number, line) in source.code() {
            let is_plain = PLAIN_OF_PG.iter().any(|plain| line.contains(plain));
            let uses_pg = has_word(line, "pgrx")
                || has_word(line, "pg_sys")
                || (line.contains("crate::pg") && !is_plain);
            if uses_pg {
                found.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("PostgreSQL in a pure module", found);
    assert!(missing.is_empty(), "not in src/: {missing:?}");
}

/// The fence over PostgreSQL knows nothing of vectors, and the index nothing of the referee.
#[test]
fn modules_use_only_those_below_them() {
    let rules: [(&str, &[&str]); 5] = [
        (
            "pg/",
            &[
                "crate::hnsw",
                "crate::models",
                "crate::types",
                "crate::recall",
            ],
        ),
        ("types/", &["crate::hnsw", "crate::models", "crate::recall"]),
        (
            "distance/",
            &["crate::hnsw", "crate::models", "crate::recall"],
        ),
        ("hnsw/", &["crate::models", "crate::recall"]),
        ("recall/", &["crate::models"]),
    ];
    let mut found = Vec::new();
    for source in sources() {
        for (folder, forbidden) in rules {
            if !source.path.starts_with(folder) {
                continue;
            }
            for (number, line) in source.code() {
                if forbidden.iter().any(|module| line.contains(module)) {
                    found.push(format!("src/{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    assert_none("a module uses one above it", found);
}

/// Bytes from disk or a client never meet a panic that somebody wrote; `unreachable!` carries its proof in words.
#[test]
fn nothing_outside_tests_panics_on_purpose() {
    let forbidden = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "todo!(",
        "unimplemented!(",
    ];
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            if forbidden.iter().any(|call| line.contains(call)) || line.contains("unreachable!()") {
                found.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("a panic outside tests", found);
}

/// Every file says first what its one duty is.
#[test]
fn every_file_opens_with_its_duty() {
    let found = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none("files without a first line of documentation", found);
}
