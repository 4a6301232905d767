// Cuts a text into chunks that overlap: a fan-out, one envelope a chunk.
package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode"

	"github.com/extism/go-pdk"
)

type document struct {
	Doc  string  `json:"doc"`
	Text *string `json:"text"`
}

type chunk struct {
	Doc   string `json:"doc"`
	Index int    `json:"index"`
	// Where it begins in the text, in characters.
	Start int    `json:"start"`
	Text  string `json:"text"`
}

//go:wasmexport handle
func handle() int32 {
	var in document
	if err := json.Unmarshal(pdk.Input(), &in); err != nil || in.Text == nil {
		return fail("ValueError", "text: a string is needed")
	}
	size, overlap := setting("size", 1000), setting("overlap", 100)
	if size < 1 || overlap < 0 || overlap >= size {
		return fail("ConfigError", fmt.Sprintf("overlap (%d) must be less than size (%d)", overlap, size))
	}
	if err := pdk.OutputJSON(chunks(in.Doc, []rune(*in.Text), size, overlap)); err != nil {
		return fail("Error", err.Error())
	}
	return 0
}

func chunks(doc string, text []rune, size, overlap int) []chunk {
	out := []chunk{}
	start := wordFrom(text, 0)
	for start < len(text) {
		end := cut(text, start, size)
		out = append(out, chunk{doc, len(out), start, string(text[start:end])})
		if wordFrom(text, end) == len(text) {
			break
		}
		start = next(text, start, end, size, overlap)
	}
	return out
}

// cut finds where the chunk that begins at start ends: behind a word, where one ends in it.
func cut(text []rune, start, size int) int {
	limit := min(start+size, len(text))
	for end := limit; end > start; end-- {
		if (end == len(text) || unicode.IsSpace(text[end])) && !unicode.IsSpace(text[end-1]) {
			return end
		}
	}
	return limit
}

// next finds where the chunk behind end begins: with the first word of the overlap that leaves room
// for something new, else without an overlap. It is after start.
func next(text []rune, start, end, size, overlap int) int {
	for from := max(end-overlap, start+1); from < end; from++ {
		isWord := unicode.IsSpace(text[from-1]) && !unicode.IsSpace(text[from])
		if isWord && cut(text, from, size) > end {
			return from
		}
	}
	return wordFrom(text, end)
}

// wordFrom skips spaces.
func wordFrom(text []rune, from int) int {
	for from < len(text) && unicode.IsSpace(text[from]) {
		from++
	}
	return from
}

func setting(name string, fallback int) int {
	text, _ := pdk.GetConfig(name)
	if number, err := strconv.Atoi(text); err == nil {
		return number
	}
	return fallback
}

// fail ends the call with an error; its type is what retry rules see.
func fail(kind, message string) int32 {
	text, _ := json.Marshal(map[string]string{"type": kind, "message": message})
	pdk.SetErrorString(string(text))
	return 1
}

func main() {}
