package main

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"reflect"
)

// modelLife registers, fills, promotes, replaces and rolls back a model. The Python and Java examples make the same calls. The
// embeddings are a stand-in, bytes of a hash of the text.
func modelLife(db *sql.DB) {
	execute(db, "CREATE EXTENSION IF NOT EXISTS annex")
	// A model is never forgotten, so each run of the example has a name of its own.
	suffix := make([]byte, 6)
	_, err := rand.Read(suffix)
	must(err)
	model := "docs_" + hex.EncodeToString(suffix)
	execute(db, "CREATE TABLE "+model+" (id bigint PRIMARY KEY, body text NOT NULL)",
		"INSERT INTO "+model+" SELECT i, 'doc ' || i FROM generate_series(1, 2000) i")
	refused := func(statement string) bool {
		_, err := db.Exec(statement, model)
		return sqlstate(err) == "55000"
	}

	check(one(db, "SELECT encode(vector_send('[1,2,3]'), 'hex')") == "000300003f8000004000000040400000", "the wire form of a vector")
	check(one(db, "SELECT annex.register_model($1, $1::text::regclass, 'id', 'body')::text", model) == model+"_embeddings", "register_model makes a view")
	check(one(db, "SELECT annex.register_version($1, 8, 'cosine')", model) == "1", "register_version makes version 1")
	check(one(db, "SELECT annex.champion($1)", model) == "", "nothing serves yet")
	check(fill(db, model, 1, 8, 5000) == 2000, "2000 rows are embedded")
	execute(db, one(db, "SELECT annex.index_ddl($1, 1)", model))
	check(one(db, "SELECT annex.promote($1, 1, 'first release')", model) != "", "promote: version 1 serves")

	check(one(db, "SELECT annex.register_version($1, 16, 'cosine')", model) == "2", "a model of other dimensions is version 2")
	check(refused("SELECT annex.promote($1, 2)"), "which is refused while it is empty")
	check(fill(db, model, 2, 16, 1000) == 1000, "half of it is filled while version 1 serves")
	execute(db, "UPDATE "+model+" SET body = body || ' (edited)' WHERE id IN (10, 20, 30)", "DELETE FROM "+model+" WHERE id = 40",
		"INSERT INTO "+model+" VALUES (9001, 'new doc')")
	progress := list(db, "SELECT version, total, current, stale, missing, percent FROM annex.progress($1) ORDER BY version", model)
	check(reflect.DeepEqual(progress, []string{"1|2000|1996|3|1|99.80", "2|2000|996|3|1001|49.80"}), "progress counts edited, deleted and new rows")
	check(fill(db, model, 2, 16, 5000) == 1004 && fill(db, model, 1, 8, 5000) == 4, "both versions catch up")
	execute(db, one(db, "SELECT annex.index_ddl($1, 2)", model))
	check(one(db, "SELECT annex.promote($1, 2, 'better')", model) != "", "promote: version 2 serves")

	// A search says for which version its query was embedded: the vectors of two models are never mixed.
	champion := one(db, "SELECT annex.champion($1)", model)
	nearest := one(db, "SELECT id FROM "+model+"_embeddings WHERE version = $1 ORDER BY embedding <=> $2 LIMIT 1", champion, embed("doc 77", 16))
	check(champion == "2" && nearest == "77", "a text finds its row in the version that serves")

	check(one(db, "SELECT annex.register_version($1, 16, 'cosine')", model) == "3", "version 3")
	check(one(db, "SELECT annex.promote($1, 3, 'hot fix', force => true)", model) != "", "promote, forced although empty")
	check(one(db, "SELECT annex.rollback($1, 'v3 is empty')", model) == "2", "rollback: version 2 serves again")
	check(one(db, "SELECT annex.rollback($1, 'v2 is slow')", model) == "1", "rollback: version 1")
	check(refused("SELECT annex.rollback($1)"), "there is nothing before that")
	history := list(db, "SELECT action, from_version, to_version, forced, reason FROM annex.history WHERE model = $1 ORDER BY id", model)
	check(reflect.DeepEqual(history, []string{
		"promote||1|false|first release", "promote|1|2|false|better", "promote|2|3|true|hot fix",
		"rollback|3|2|false|v3 is empty", "rollback|2|1|false|v2 is slow",
	}), "history has it all")
}

// fill pulls what is pending, embeds it outside the database and puts it back; nothing is locked in between.
func fill(db *sql.DB, model string, version, size, count int) int {
	type row struct {
		key, content string
		hash         []byte
	}
	pending, err := db.Query("SELECT key, content, content_hash FROM annex.pending($1, $2, $3)", model, version, count)
	must(err)
	var all []row
	for pending.Next() {
		var each row
		must(pending.Scan(&each.key, &each.content, &each.hash))
		all = append(all, each)
	}
	must(pending.Err())
	stored := 0
	for _, each := range all {
		if one(db, "SELECT annex.put($1, $2, $3, $4, $5)", model, version, each.key, embed(each.content, size), each.hash) == "true" {
			stored++
		}
	}
	return stored
}

func embed(text string, size int) Vector {
	digest := sha256.Sum256([]byte(text))
	vector := make(Vector, size)
	for i := range vector {
		vector[i] = float32(digest[i]) - 127.5
	}
	return vector
}
