// The handlers of runtime/conformance/README.md; a runtime of your own does not need them to work,
// only to be proven right.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

var beside, most atomic.Int64

type request struct {
	N, Bytes, Ms int
	Tokens       float64
	Message, Do  string
	Crash        bool
}

func conformanceHandler(name string) (Handler, error) {
	switch os.Getenv("CONFORMANCE_LOAD") {
	case "slow":
		time.Sleep(2500 * time.Millisecond)
	case "broken":
		return nil, errors.New("no such model")
	}
	handlers := map[string]func(context.Context, *Call, request) error{
		"crash":    crash,
		"echo":     echo,
		"fan":      fan,
		"big":      big,
		"nap":      nap,
		"wait":     wait,
		"partials": partials,
		"meter":    meter,
		"envelope": envelope,
		"wrap": func(_ context.Context, call *Call, _ request) error {
			call.Answer(json.RawMessage(`{"was":` + string(call.Payload) + `}`))
			return nil
		},
		"nothing": func(context.Context, *Call, request) error { return nil },
		"fail": func(_ context.Context, _ *Call, asked request) error {
			return errors.New(asked.Message)
		},
		"unjson": func(_ context.Context, call *Call, _ request) error {
			call.Answer(json.RawMessage("{no JSON"))
			return nil
		},
		"noisy": func(ctx context.Context, call *Call, asked request) error {
			fmt.Print("a line\n\xff\xfe\x00\x00\x00\x0c\x84\x00\x00\x00")
			return echo(ctx, call, asked)
		},
	}
	handler, there := handlers[name]
	if !there {
		return nil, fmt.Errorf("there is no handler %q", name)
	}
	return func(ctx context.Context, call *Call) error {
		var asked request
		// Payloads of other shapes are for handlers that do not look.
		_ = json.Unmarshal(call.Payload, &asked)
		return handler(ctx, call, asked)
	}, nil
}

func echo(_ context.Context, call *Call, _ request) error {
	call.Answer(call.Payload)
	return nil
}

func crash(ctx context.Context, call *Call, asked request) error {
	if asked.Crash {
		os.Exit(9)
	}
	return echo(ctx, call, asked)
}

func fan(_ context.Context, call *Call, asked request) error {
	for i := 0; i < asked.N; i++ {
		call.Answer(json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)))
	}
	return nil
}

func big(_ context.Context, call *Call, asked request) error {
	call.Answer(json.RawMessage(`"` + strings.Repeat("x", asked.Bytes) + `"`))
	return nil
}

func nap(_ context.Context, call *Call, asked request) error {
	now := beside.Add(1)
	defer beside.Add(-1)
	for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
	}
	time.Sleep(time.Duration(asked.Ms) * time.Millisecond)
	call.Answer(json.RawMessage(fmt.Sprintf(`{"most":%d}`, most.Load())))
	return nil
}

func wait(ctx context.Context, call *Call, asked request) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(asked.Ms) * time.Millisecond):
	}
	call.Answer(json.RawMessage(fmt.Sprintf(`{"waited":%d}`, asked.Ms)))
	return nil
}

func partials(_ context.Context, call *Call, asked request) error {
	for i := 0; i < asked.N; i++ {
		call.Partial(json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)))
		time.Sleep(time.Duration(asked.Ms) * time.Millisecond)
	}
	call.Answer(json.RawMessage(fmt.Sprintf(`{"n":%d}`, asked.N)))
	return nil
}

func meter(ctx context.Context, call *Call, asked request) error {
	labels := map[string]string{"model": "m"}
	call.Metrics = append(call.Metrics, Metric{"tokens", asked.Tokens, labels})
	return echo(ctx, call, asked)
}

func envelope(_ context.Context, call *Call, asked request) error {
	var route map[string]any
	if err := json.Unmarshal(call.Envelope["route"], &route); err != nil {
		return err
	}
	actors, current := route["actors"].([]any), int(route["current"].(float64))
	payload, times := call.Payload, 1
	out := Object{}
	for name, value := range call.Envelope {
		out[name] = value
	}
	switch asked.Do {
	case "same":
		call.AnswerEnvelope(out, payload)
		return nil
	case "nothing":
		return nil
	case "fail":
		return errors.New("failed in envelope mode")
	case "bare":
		call.AnswerEnvelope(Object{}, json.RawMessage("1"))
		return nil
	case "insert":
		actors = append(actors[:current+1:current+1], append([]any{"extra"}, actors[current+1:]...)...)
	case "truncate":
		actors = actors[:current+1]
	case "rewrite":
		actors[0] = "other"
	case "erase":
		actors = actors[1:]
		current--
	case "header":
		headers := Object{}
		_ = json.Unmarshal(call.Envelope["headers"], &headers)
		headers["added"] = json.RawMessage(`"yes"`)
		out["headers"], _ = json.Marshal(headers)
	case "replace":
		payload = json.RawMessage(`{"new":1}`)
	case "keys":
		names := []string{"payload"}
		for name := range call.Envelope {
			names = append(names, name)
		}
		sort.Strings(names)
		payload, _ = json.Marshal(names)
	case "fan":
		times = 2
	}
	route["actors"], route["current"] = actors, current+1
	out["route"], _ = json.Marshal(route)
	for i := 0; i < times; i++ {
		if times > 1 {
			payload = json.RawMessage(fmt.Sprintf(`{"i":%d}`, i))
		}
		// In version 1 each envelope gets its payload: they must not be the same map.
		each := Object{}
		for name, value := range out {
			each[name] = value
		}
		call.AnswerEnvelope(each, payload)
	}
	return nil
}
