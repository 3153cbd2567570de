package main

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Vector is the type vector: written in its binary form (where binary_parameters is set), read as text, as lib/pq asks for it.
type Vector []float32

// Value is int16 dimensions, int16 0, and the elements, in network order.
func (v Vector) Value() (driver.Value, error) {
	bytes := make([]byte, 4+4*len(v))
	binary.BigEndian.PutUint16(bytes, uint16(len(v)))
	for i, element := range v {
		binary.BigEndian.PutUint32(bytes[4+4*i:], math.Float32bits(element))
	}
	return bytes, nil
}

// Scan reads [1,2,3].
func (v *Vector) Scan(source any) error {
	text, ok := source.([]byte)
	if !ok || len(text) < 2 {
		return fmt.Errorf("cannot read a vector from %T", source)
	}
	*v = nil
	for _, word := range strings.Split(string(text[1:len(text)-1]), ",") {
		element, err := strconv.ParseFloat(word, 32)
		if err != nil {
			return err
		}
		*v = append(*v, float32(element))
	}
	return nil
}

// Text is the form that halfvec and statements without binary parameters take.
func (v Vector) Text() string {
	words := make([]string, len(v))
	for i, element := range v {
		words[i] = strconv.FormatFloat(float64(element), 'g', -1, 32)
	}
	return "[" + strings.Join(words, ",") + "]"
}
