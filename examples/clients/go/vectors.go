package main

import (
	"database/sql"
	"fmt"
	"math/rand"
	"strings"

	"github.com/lib/pq"
)

// sample is vectors in clusters, as embeddings are, the same in each run; the last is one to search for.
func sample() []Vector {
	random := rand.New(rand.NewSource(7))
	centers := make([]Vector, 20)
	for i := range centers {
		for k := 0; k < dimensions; k++ {
			centers[i] = append(centers[i], float32(random.NormFloat64()))
		}
	}
	all := make([]Vector, rows+1)
	for i := range all {
		for _, element := range centers[i%len(centers)] {
			all[i] = append(all[i], element+float32(random.NormFloat64())/2)
		}
	}
	return all
}

func vectors(db *sql.DB) {
	all := sample()
	query := all[rows]
	execute(db, "CREATE EXTENSION IF NOT EXISTS vector", "DROP TABLE IF EXISTS go_items",
		fmt.Sprintf("CREATE TABLE go_items (id int PRIMARY KEY, category int, v vector(%d), h halfvec(%[1]d), s sparsevec(%[1]d), b bit(%[1]d))", dimensions))

	// COPY of lib/pq is text.
	transaction, err := db.Begin()
	must(err)
	copyIn, err := transaction.Prepare(pq.CopyIn("go_items", "id", "category", "v", "h", "s", "b"))
	must(err)
	for id, vector := range all[:rows-1] {
		_, err = copyIn.Exec(id, id%categories, vector.Text(), vector.Text(), sparse(id), bits(vector))
		must(err)
	}
	_, err = copyIn.Exec()
	must(err)
	must(copyIn.Close())
	must(transaction.Commit())
	// A parameter is binary.
	last := rows - 1
	_, err = db.Exec("INSERT INTO go_items VALUES ($1, $2, $3, $4, $5, $6)", last, last%categories, all[last], all[last].Text(), sparse(last), bits(all[last]))
	must(err)
	check(one(db, "SELECT count(*) FROM go_items") == fmt.Sprint(rows), "COPY and INSERT store every row")

	for _, id := range []int{17, last} {
		var v, h Vector
		var s, b string
		must(db.QueryRow("SELECT v, h, s, b FROM go_items WHERE id = $1", id).Scan(&v, &h, &s, &b))
		check(v.Text() == all[id].Text(), "a vector comes back as it was")
		check(len(h) == dimensions && h[0]-all[id][0] < 0.01 && all[id][0]-h[0] < 0.01, "a halfvec, rounded to eleven bits")
		check(s == sparse(id) && b == bits(all[id]), "a sparsevec and a bit string")
	}

	execute(db, "CREATE INDEX ON go_items USING hnsw (v vector_l2_ops)", "CREATE INDEX ON go_items USING hnsw (h halfvec_cosine_ops)", "ANALYZE go_items",
		"SET hnsw.ef_search = 100", "SET hnsw.iterative_scan = strict_order", "SET enable_sort = off")
	search(db, "the ten nearest vectors", "ORDER BY v <-> $1 LIMIT 10", query)
	search(db, "the ten nearest halves", "ORDER BY h <=> $1::text::halfvec LIMIT 10", query.Text())
	search(db, "the ten nearest of a category", "WHERE category = $2 ORDER BY v <-> $1 LIMIT 10", query, 3)

	_, err = db.Exec("INSERT INTO go_items (id, v) VALUES (-1, $1)", Vector{1, 2, 3})
	check(sqlstate(err) == "22000" && strings.Contains(err.Error(), "expected 32 dimensions, not 3"), "a vector of other dimensions is refused")
	execute(db, "RESET ALL")
}

// search compares what the index finds with the exact answer, once the plan has been looked at.
func search(db *sql.DB, text, clauses string, parameters ...any) {
	statement := "SELECT id FROM go_items " + clauses
	execute(db, "SET enable_seqscan = off")
	plan := strings.Join(list(db, "EXPLAIN "+statement, parameters...), "\n")
	check(strings.Contains(plan, "Index Scan using go_items_"), "through the index: "+clauses)
	found := list(db, statement, parameters...)
	execute(db, "RESET enable_seqscan", "SET enable_indexscan = off")
	exact := " " + strings.Join(list(db, statement, parameters...), " ") + " "
	execute(db, "RESET enable_indexscan")
	hits := 0
	for _, id := range found {
		if strings.Contains(exact, " "+id+" ") {
			hits++
		}
	}
	check(len(found) == 10 && hits >= 9, text)
}

func sparse(id int) string { return fmt.Sprintf("{%d:1.5}/%d", id%dimensions+1, dimensions) }

func bits(vector Vector) string {
	text := make([]byte, len(vector))
	for i, element := range vector {
		text[i] = '0'
		if element > 0 {
			text[i] = '1'
		}
	}
	return string(text)
}
