// The worked handler: counts the words of a text, tells how far it is, and stops when cancelled.
//
//	ASYA_HANDLER=words ASYA_SOCKET_DIR=/tmp/asya ./runtime
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// words answers {"text": "..."} with {"words": n, "most": the most frequent one}.
func words(ctx context.Context, call *Call) error {
	var request struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(call.Payload, &request); err != nil || request.Text == nil {
		return fmt.Errorf("expected {\"text\": a string}")
	}
	counts := map[string]int{}
	all := strings.Fields(strings.ToLower(*request.Text))
	for i, word := range all {
		if i%100_000 == 99_999 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			call.Partial(json.RawMessage(fmt.Sprintf(`{"counted":%d}`, i+1)))
		}
		counts[word]++
	}
	names := make([]string, 0, len(counts))
	for word := range counts {
		names = append(names, word)
	}
	sort.Slice(names, func(a, b int) bool {
		if counts[names[a]] != counts[names[b]] {
			return counts[names[a]] > counts[names[b]]
		}
		return names[a] < names[b]
	})
	most := ""
	if len(names) > 0 {
		most = names[0]
	}
	call.Metrics = append(call.Metrics, Metric{Name: "words", Value: float64(len(all))})
	answer, err := json.Marshal(map[string]any{"words": len(all), "most": most})
	call.Answer(answer)
	return err
}

func main() {
	Serve(func(name string) (Handler, error) {
		if name == "words" {
			return words, nil
		}
		return conformanceHandler(name)
	})
}
