// Counts the words of a text and finds the longest one.
package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/extism/go-pdk"
)

type input struct {
	Text *string `json:"text"`
}

type summary struct {
	Text    string `json:"text"`
	Words   int    `json:"words"`
	Longest string `json:"longest"`
}

//go:wasmexport handle
func handle() int32 {
	var in input
	if err := json.Unmarshal(pdk.Input(), &in); err != nil || in.Text == nil {
		return fail("ValueError", "text: a string is needed")
	}
	out := summarize(*in.Text, minLength())
	pdk.Log(pdk.LogInfo, fmt.Sprintf("%d words", out.Words))
	if err := pdk.OutputJSON(out); err != nil {
		return fail("Error", err.Error())
	}
	return 0
}

func isSpace(char rune) bool {
	return strings.ContainsRune(" \t\n\f\r", char)
}

func summarize(text string, minLength int) summary {
	out := summary{Text: text}
	most := 0
	for _, word := range strings.FieldsFunc(text, isSpace) {
		length := utf8.RuneCountInString(word)
		if length < minLength {
			continue
		}
		out.Words++
		if length > most {
			most = length
			out.Longest = word
		}
	}
	return out
}

func minLength() int {
	setting, _ := pdk.GetConfig("min_length")
	if number, err := strconv.Atoi(setting); err == nil {
		return number
	}
	return 1
}

// fail ends the call with an error; its type is what retry rules see.
func fail(kind, message string) int32 {
	text, _ := json.Marshal(map[string]string{"type": kind, "message": message})
	pdk.SetErrorString(string(text))
	return 1
}

func main() {}
