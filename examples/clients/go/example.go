// database/sql with lib/pq: vectors in binary, nearest neighbours through an index, filters, and the life of an embedding model.
//
//	go run . [DSN]        a connection string of lib/pq, or the PG* variables
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/lib/pq"
)

const (
	rows       = 2000
	dimensions = 32
	categories = 10
)

var made, failed int

// check prints one promise of the example as a line of the Test Anything Protocol.
func check(isRight bool, text string) {
	made++
	word := "ok"
	if !isRight {
		failed++
		word = "not ok"
	}
	fmt.Printf("%s %d - %s\n", word, made, text)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func execute(db *sql.DB, statements ...string) {
	for _, statement := range statements {
		_, err := db.Exec(statement)
		must(err)
	}
}

// one returns the first column of the only row as text.
func one(db *sql.DB, statement string, parameters ...any) string {
	var value sql.NullString
	must(db.QueryRow(statement, parameters...).Scan(&value))
	return value.String
}

// list returns the rows as text, columns joined by |.
func list(db *sql.DB, statement string, parameters ...any) []string {
	result, err := db.Query(statement, parameters...)
	must(err)
	defer result.Close()
	columns, err := result.Columns()
	must(err)
	var lines []string
	for result.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		must(result.Scan(targets...))
		words := make([]string, len(columns))
		for i, value := range values {
			words[i] = value.String
		}
		lines = append(lines, strings.Join(words, "|"))
	}
	must(result.Err())
	return lines
}

func sqlstate(err error) string {
	if refusal, ok := err.(*pq.Error); ok {
		return string(refusal.Code)
	}
	return ""
}

// open connects once: settings of a session hold for all that follows. With binary_parameters byte slices are sent in binary.
func open() *sql.DB {
	dsn := "binary_parameters=yes"
	if len(os.Args) > 1 {
		dsn = os.Args[1]
		if strings.Contains(dsn, "://") {
			parsed, err := pq.ParseURL(dsn)
			must(err)
			dsn = parsed
		}
		dsn += " binary_parameters=yes"
	}
	if host := os.Getenv("PGHOST"); strings.HasPrefix(host, "/") && len(os.Args) == 1 {
		dsn += " sslmode=disable"
	}
	db, err := sql.Open("postgres", dsn)
	must(err)
	db.SetMaxOpenConns(1)
	return db
}

func main() {
	db := open()
	defer db.Close()
	vectors(db)
	modelLife(db)
	fmt.Printf("1..%d\n", made)
	if failed > 0 {
		os.Exit(1)
	}
}
