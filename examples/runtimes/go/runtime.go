// A handler runtime in one file of Go: it serves a function to a sidecar over the Unix socket that
// runtime/PROTOCOL.md describes, in both versions. A goroutine for each connection is all there is
// to concurrency; a call is cancelled through its context.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	magic      = "ASYA/2\r\n"
	maxMessage = 1 << 30
	maxDetail  = 16_000
	exitStuck  = 75

	tHello, tCall, tCancel, tDrain, tPing                     = 0x01, 0x02, 0x03, 0x04, 0x05
	tWelcome, tFrame, tPartial, tEnd, tError, tPong, tLoading = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
)

// Object is a JSON object whose members keep their text.
type Object = map[string]json.RawMessage

// Metric is one value that a handler reports.
type Metric struct {
	Name   string            `json:"name"`
	Value  float64           `json:"value"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Call is what a handler gets: its payload as bytes, the envelope without it, and ways to answer.
type Call struct {
	Payload  json.RawMessage
	Envelope Object
	// Metrics go to the sidecar's own.
	Metrics []Metric
	frames  []frame
	partial func(body []byte)
}

// Handler answers a call; a call that it answers with nothing has no frame.
type Handler func(ctx context.Context, call *Call) error

type frame struct {
	envelope Object
	payload  json.RawMessage
}

// Answer adds a frame. Bytes of the payload are sent as they are.
func (c *Call) Answer(payload json.RawMessage) { c.frames = append(c.frames, frame{nil, payload}) }

// AnswerEnvelope adds a frame in envelope mode.
func (c *Call) AnswerEnvelope(envelope Object, payload json.RawMessage) {
	c.frames = append(c.frames, frame{envelope, payload})
}

// Partial sends a partial result at once.
func (c *Call) Partial(body json.RawMessage) { c.partial(body) }

// failure is an error with the code that the sidecar routes by.
type failure struct {
	code  string
	cause error
	trace string
}

func (f failure) Error() string { return f.cause.Error() }

func refuse(code, format string, args ...any) failure {
	return failure{code: code, cause: fmt.Errorf(format, args...)}
}

// --- settings

type settings struct {
	handler, mode, folder, socket string
	validate                      bool
	chmod                         *uint64
	concurrency                   int
	shutdownGrace, cancelGrace    time.Duration
}

func readSettings() (s settings, problems []string) {
	read := func(name, fallback, expected string, parse func(string) error) {
		text, set := os.LookupEnv(name)
		if !set {
			text = fallback
		}
		if err := parse(strings.TrimSpace(text)); err != nil {
			problems = append(problems, fmt.Sprintf("%s=%q: expected %s", name, text, expected))
		}
	}
	duration := func(into *time.Duration) func(string) error {
		return func(text string) (err error) { *into, err = time.ParseDuration(text); return }
	}
	read("ASYA_HANDLER", "", "the name of a handler", func(text string) error {
		s.handler = text
		if text == "" {
			return errors.New("not set")
		}
		return nil
	})
	read("ASYA_HANDLER_MODE", "payload", "payload or envelope", func(text string) error {
		s.mode = strings.ToLower(text)
		if s.mode != "payload" && s.mode != "envelope" {
			return errors.New("unknown")
		}
		return nil
	})
	read("ASYA_ENABLE_VALIDATION", "true", "true or false", func(text string) (err error) {
		s.validate, err = strconv.ParseBool(text)
		return
	})
	read("ASYA_SOCKET_CHMOD", "0o666", "an octal mode or nothing", func(text string) error {
		if text == "" {
			return nil
		}
		mode, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 12)
		s.chmod = &mode
		return err
	})
	read("ASYA_CONCURRENCY", "1", "a number above 0", func(text string) (err error) {
		if s.concurrency, err = strconv.Atoi(text); err == nil && s.concurrency < 1 {
			err = errors.New("too small")
		}
		return
	})
	read("ASYA_SHUTDOWN_GRACE", "30s", "a duration like 30s", duration(&s.shutdownGrace))
	read("ASYA_CANCEL_GRACE", "5s", "a duration like 5s", duration(&s.cancelGrace))
	s.folder = or(os.Getenv("ASYA_SOCKET_DIR"), "/var/run/asya")
	s.socket = filepath.Join(s.folder, or(os.Getenv("ASYA_SOCKET_NAME"), "asya-runtime.sock"))
	return
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// --- the process

type running struct {
	cancel    context.CancelCauseFunc
	started   time.Time
	limit     time.Time
	cancelled time.Time
}

type server struct {
	settings
	handler Handler
	loaded  chan struct{} // closed once the handler is there
	slots   chan struct{}
	old     sync.Mutex // version 1 is served one by one
	sockets []string   // files to remove, if they are still ours
	infos   []os.FileInfo

	mu         sync.Mutex
	calls      map[*running]uint32
	connected  int // call connections
	sawV1      bool
	sawV2      bool
	draining   time.Time
	leaving    bool
	handlerSet bool
}

var errCancelled = errors.New("the call was cancelled")

// Serve loads the handler that ASYA_HANDLER names and serves it until the process has to leave.
func Serve(load func(name string) (Handler, error)) {
	s, problems := readSettings()
	for _, problem := range problems {
		fmt.Fprintln(os.Stderr, problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	run := &server{
		settings: s, loaded: make(chan struct{}), slots: make(chan struct{}, s.concurrency),
		calls: map[*running]uint32{},
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	listener, err := run.listen()
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot listen on %s: %v; set ASYA_SOCKET_DIR\n", s.socket, err)
		os.Exit(1)
	}
	go func() {
		for range signals {
			run.drain()
		}
	}()
	go run.watch()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				time.Sleep(50 * time.Millisecond)
				continue
			}
			go run.converse(conn)
		}
	}()
	handler, err := load(s.handler)
	if err == nil {
		run.handler = handler
		close(run.loaded)
		run.mu.Lock()
		run.handlerSet = true
		run.mu.Unlock()
		err = run.writeReady()
	}
	if err != nil {
		run.remove()
		fmt.Fprintf(os.Stderr, "cannot load ASYA_HANDLER=%q: %v\n", s.handler, err)
		os.Exit(1)
	}
	select {}
}

func (s *server) listen() (net.Listener, error) {
	if err := os.MkdirAll(s.folder, 0o777); err != nil {
		return nil, err
	}
	for _, path := range []string{s.socket, s.file("runtime-ready"), s.file("sidecar-done")} {
		os.Remove(path)
	}
	listener, err := net.Listen("unix", s.socket)
	if err != nil {
		return nil, err
	}
	if s.chmod != nil {
		err = os.Chmod(s.socket, os.FileMode(*s.chmod))
	}
	s.own(s.socket)
	return listener, err
}

func (s *server) file(name string) string { return filepath.Join(s.folder, name) }

func (s *server) own(path string) {
	if info, err := os.Stat(path); err == nil {
		s.sockets, s.infos = append(s.sockets, path), append(s.infos, info)
	}
}

func (s *server) writeReady() error {
	text := fmt.Sprintf(`{"protocol":2,"concurrency":%d,"mode":%q}`, s.concurrency, s.mode)
	temporary := s.file(fmt.Sprintf("runtime-ready.%d", os.Getpid()))
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.Rename(temporary, s.file("runtime-ready")); err != nil {
		return err
	}
	s.own(s.file("runtime-ready"))
	return nil
}

func (s *server) remove() {
	for i, path := range s.sockets {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, s.infos[i]) {
			os.Remove(path)
		}
	}
}

func (s *server) exit(code int, reason string) {
	fmt.Fprintln(os.Stderr, reason)
	s.remove()
	os.Exit(code)
}

func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.IsZero() {
		s.draining = time.Now()
	}
}

// watch ends the process when a cancelled call goes on, and when a drain is over.
func (s *server) watch() {
	for now := range time.Tick(20 * time.Millisecond) {
		s.mu.Lock()
		if s.stuck(now) {
			s.exit(exitStuck, "a cancelled call did not end")
		}
		if !s.draining.IsZero() {
			s.lookForEnd(now)
		}
		s.mu.Unlock()
	}
}

func (s *server) stuck(now time.Time) bool {
	var first time.Time
	for call := range s.calls {
		if !call.cancelled.IsZero() && (first.IsZero() || call.cancelled.Before(first)) {
			first = call.cancelled
		}
	}
	deadline := first.Add(s.cancelGrace)
	if first.IsZero() || now.Before(deadline) {
		return false
	}
	for call := range s.calls {
		limit := call.limit
		if !call.cancelled.IsZero() {
			limit = call.cancelled
		}
		if call.started.Before(deadline) && now.Before(limit.Add(s.cancelGrace)) {
			return false // it may run to its own limit
		}
	}
	return true
}

func (s *server) lookForEnd(now time.Time) {
	last := s.draining.Add(s.shutdownGrace)
	_, err := os.Stat(s.file("sidecar-done"))
	alone := s.connected == 0 && (s.sawV2 || !s.sawV1)
	if !s.handlerSet || err == nil || alone || !now.Before(last) {
		s.leaving = true
	}
	if s.leaving && (len(s.calls) == 0 || !now.Before(last.Add(s.cancelGrace))) {
		s.exit(0, "drained")
	}
}

// --- connections

type connection struct {
	net.Conn
	writing  sync.Mutex
	maxFrame int
}

func (c *connection) send(kind byte, call uint32, head, body []byte) error {
	header := make([]byte, 16, 16+len(head)+len(body))
	binary.BigEndian.PutUint32(header, uint32(12+len(head)+len(body)))
	header[4] = kind
	binary.BigEndian.PutUint32(header[8:], call)
	binary.BigEndian.PutUint32(header[12:], uint32(len(head)))
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.Write(append(append(header, head...), body...))
	return err
}

// receive returns the next frame; a failure is what the peer has to be told.
func (c *connection) receive() (kind byte, call uint32, head, body []byte, err error) {
	var header [16]byte
	if _, err = io.ReadFull(c, header[:]); err != nil {
		return
	}
	rest, headLength := binary.BigEndian.Uint32(header[:]), binary.BigEndian.Uint32(header[12:])
	if header[5] != 0 || header[6] != 0 || header[7] != 0 {
		err = refuse("msg_parsing_error", "unknown flags")
	} else if rest >= maxMessage || rest < 12 || rest-12 < headLength {
		err = refuse("msg_parsing_error", "a frame of %d bytes, a head of %d", rest, headLength)
	}
	if err != nil {
		return
	}
	data := make([]byte, rest-12)
	_, err = io.ReadFull(c, data)
	return header[4], binary.BigEndian.Uint32(header[8:]), data[:headLength], data[headLength:], err
}

func (s *server) converse(conn net.Conn) {
	defer conn.Close()
	var start [8]byte
	if _, err := io.ReadFull(conn, start[:4]); err != nil {
		writeOld(conn, errorOf(refuse("connection_error", "Connection closed while reading"), true))
		return
	}
	if string(start[:4]) != magic[:4] {
		s.converseOld(conn, binary.BigEndian.Uint32(start[:4]))
		return
	}
	c := &connection{Conn: conn, maxFrame: maxMessage}
	if _, err := io.ReadFull(conn, start[4:]); err != nil {
		return
	}
	var err error = refuse("msg_parsing_error", "unknown protocol %q", start)
	if string(start[:]) == magic {
		err = s.greet(c)
	}
	var failed failure
	if errors.As(err, &failed) {
		c.send(tError, 0, errorOf(failed, false), nil)
	}
}

func (s *server) greet(c *connection) error {
	kind, _, head, _, err := c.receive()
	if err != nil {
		return err
	}
	var hello struct {
		MaxFrame int    `json:"max_frame"`
		Role     string `json:"role"`
	}
	bad := json.Unmarshal(head, &hello)
	if kind != tHello || bad != nil || (hello.Role != "call" && hello.Role != "control") {
		return refuse("msg_parsing_error", "expected HELLO with role call or control")
	}
	if hello.MaxFrame > 0 {
		c.maxFrame = hello.MaxFrame
	}
	os.Remove(s.file("sidecar-done"))
	s.mu.Lock()
	s.sawV2 = true
	if hello.Role == "call" {
		s.connected++
		defer func() {
			s.mu.Lock()
			s.connected--
			s.mu.Unlock()
		}()
	}
	s.mu.Unlock()
	if err := s.awaitLoaded(c); err != nil {
		return err
	}
	welcome := fmt.Sprintf(`{"version":2,"mode":%q,"concurrency":%d,"cancel":true,"stream":true,"pid":%d}`,
		s.mode, s.concurrency, os.Getpid())
	if err := c.send(tWelcome, 0, []byte(welcome), nil); err != nil {
		return err
	}
	for {
		kind, call, head, body, err := c.receive()
		if err != nil {
			return err
		}
		switch {
		case hello.Role == "call" && kind == tCall:
			s.answer(c, call, head, body)
		case hello.Role == "control" && kind == tPing:
			c.send(tPong, call, []byte("{}"), nil)
		case hello.Role == "control" && kind == tDrain:
			s.drain()
		case hello.Role == "control" && kind == tCancel:
			s.cancel(call)
		}
	}
}

func (s *server) awaitLoaded(c *connection) error {
	message := []byte(`{"message":"loading the handler"}`)
	for {
		select {
		case <-s.loaded:
			return nil
		default:
		}
		if err := c.send(tLoading, 0, message, nil); err != nil {
			return err
		}
		select {
		case <-s.loaded:
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (s *server) cancel(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for call, its := range s.calls {
		if its == number && number != 0 && call.cancelled.IsZero() {
			call.cancelled = time.Now()
			call.cancel(errCancelled)
		}
	}
}

// --- calls

// perform runs the handler within a slot; false when the process is leaving instead.
func (s *server) perform(number uint32, limit time.Duration, call *Call) (err error, done bool) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	now := time.Now()
	run := &running{cancel: cancel, started: now, limit: now.Add(limit)}
	s.mu.Lock()
	if s.leaving {
		s.mu.Unlock()
		return nil, false
	}
	s.calls[run] = number
	s.mu.Unlock()
	defer func() {
		if panicked := recover(); panicked != nil {
			err = failure{"processing_error", fmt.Errorf("%v", panicked), string(debug.Stack())}
		}
		if err != nil && errors.Is(context.Cause(ctx), errCancelled) {
			err = refuse("cancelled", "the call was cancelled")
		}
	}()
	return s.handler(ctx, call), true
}

func (s *server) ended(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for call, its := range s.calls {
		if its == number {
			delete(s.calls, call)
		}
	}
}

func (s *server) answer(c *connection, number uint32, head, body []byte) {
	s.slots <- struct{}{}
	seq := 0
	call := &Call{Payload: body, partial: func(body []byte) {
		c.send(tPartial, number, []byte(fmt.Sprintf(`{"seq":%d}`, seq)), body)
		seq++
	}}
	var info struct {
		Asya struct {
			RemainingMs float64 `json:"remaining_ms"`
		} `json:"asya"`
	}
	err := checkJSON(body)
	if err == nil {
		err = s.readHead(head, call)
	}
	limit := s.shutdownGrace
	if json.Unmarshal(head, &info) == nil && info.Asya.RemainingMs > 0 {
		limit = time.Duration(info.Asya.RemainingMs * float64(time.Millisecond))
	}
	done := true
	if err == nil {
		err, done = s.perform(number, limit, call)
	}
	<-s.slots
	if !done {
		return
	}
	answer := &connection{Conn: &buffer{}}
	if err == nil {
		err = s.writeFrames(answer, number, c.maxFrame, call)
	}
	if err != nil {
		c.send(tError, number, errorOf(err, false), nil)
	} else {
		c.writing.Lock()
		c.Write(answer.Conn.(*buffer).Bytes())
		c.writing.Unlock()
	}
	s.ended(number)
}

// buffer collects frames, so that an error may still replace them.
type buffer struct {
	net.Conn
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { return b.Buffer.Write(p) }
func (b *buffer) Read(p []byte) (int, error)  { return b.Buffer.Read(p) }

func (s *server) readHead(head []byte, call *Call) error {
	if err := json.Unmarshal(head, &call.Envelope); err != nil || call.Envelope == nil {
		return refuse("msg_parsing_error", "the head of a CALL is no object: %v", err)
	}
	delete(call.Envelope, "asya")
	if s.mode == "envelope" && s.validate {
		_, err := checkEnvelope(call.Envelope, true)
		return err
	}
	return nil
}

func (s *server) writeFrames(c *connection, number uint32, maxFrame int, call *Call) error {
	for _, one := range call.frames {
		head := []byte("{}")
		if s.mode == "envelope" {
			if err := s.checkAnswer(call, one); err != nil {
				return err
			}
			head, _ = json.Marshal(one.envelope)
		}
		if err := checkJSON(one.payload); err != nil {
			return refuse("processing_error", "the handler's result is not JSON: %v", err)
		}
		if size := 16 + len(head) + len(one.payload); size > maxFrame {
			return refuse("resource_limit", "a frame of %d bytes is above the limit of %d", size, maxFrame)
		}
		c.send(tFrame, number, head, one.payload)
	}
	end, err := json.Marshal(struct {
		Frames  int      `json:"frames"`
		Metrics []Metric `json:"metrics,omitempty"`
	}{len(call.frames), call.Metrics})
	c.send(tEnd, number, end, nil)
	return err
}

type route struct {
	Actors  []string `json:"actors"`
	Steps   []string `json:"steps,omitempty"`
	Current *int     `json:"current"`
}

func (r route) current() int {
	if r.Current == nil {
		return 0
	}
	return *r.Current
}

// checkEnvelope checks what a route needs to have.
func checkEnvelope(envelope Object, payload bool) (r route, err error) {
	bad := func(format string, args ...any) error { return refuse("msg_parsing_error", format, args...) }
	if !payload {
		return r, bad("Missing required field 'payload' in envelope")
	}
	text, there := envelope["route"]
	if !there {
		return r, bad("Missing required field 'route' in envelope")
	}
	var members Object
	if json.Unmarshal(text, &members) != nil || members == nil {
		return r, bad("Field 'route' must be a dict")
	}
	current, there := members["current"]
	if err := json.Unmarshal(text, &r); err != nil || (there && string(current) == "null") {
		return r, bad("route: actors must be a list of names and current an integer: %v", err)
	}
	if r.Actors == nil {
		r.Actors = r.Steps
	}
	if len(r.Actors) == 0 {
		return r, bad("Field 'route.actors' cannot be empty")
	}
	if r.current() < 0 || r.current() > len(r.Actors) {
		return r, bad("Invalid route.current=%d: out of bounds", r.current())
	}
	var headers Object
	if text, there := envelope["headers"]; there && (json.Unmarshal(text, &headers) != nil || headers == nil) {
		return r, bad("Field 'headers' must be a dict")
	}
	var id *string
	if text, there := envelope["id"]; there && (json.Unmarshal(text, &id) != nil || id == nil) {
		return r, bad("Field 'id' must be a string")
	}
	return r, nil
}

// checkAnswer holds an answer in envelope mode to the actors that the call has passed.
func (s *server) checkAnswer(call *Call, one frame) error {
	if !s.validate {
		return nil
	}
	before, err := checkEnvelope(call.Envelope, true)
	after, wrong := checkEnvelope(one.envelope, one.payload != nil)
	if err != nil || wrong != nil {
		return refuse("processing_error", "Invalid output envelope: %v", errors.Join(err, wrong))
	}
	for i := 0; i <= before.current() && i < len(before.Actors); i++ {
		if i >= len(after.Actors) || after.Actors[i] != before.Actors[i] {
			return refuse("processing_error", "Route modification error: actors up to current must stay")
		}
	}
	return nil
}

func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return refuse("msg_parsing_error", "not UTF-8")
	}
	if !json.Valid(data) {
		return refuse("msg_parsing_error", "not JSON")
	}
	return nil
}

func errorOf(err error, bare bool) []byte {
	var failed failure
	if !errors.As(err, &failed) {
		failed = failure{code: "processing_error", cause: err}
	}
	kind := strings.TrimPrefix(fmt.Sprintf("%T", failed.cause), "*")
	if bare {
		kind = kind[strings.LastIndex(kind, ".")+1:]
	}
	details := map[string]any{
		"message": cut(failed.cause.Error()), "type": kind, "traceback": cut(failed.trace),
	}
	text, _ := json.Marshal(map[string]any{"error": failed.code, "details": details})
	return text
}

func cut(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	return text[:maxDetail/2] + "\n... cut ...\n" + text[len(text)-maxDetail/2:]
}

// --- version 1

func (s *server) converseOld(conn net.Conn, size uint32) {
	if size >= maxMessage {
		writeOld(conn, errorOf(refuse("msg_parsing_error", "a message of %d bytes", size), true))
		return
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(conn, message); err != nil {
		writeOld(conn, errorOf(refuse("connection_error", "Connection closed while reading"), true))
		return
	}
	s.mu.Lock()
	s.sawV1 = true
	s.mu.Unlock()
	<-s.loaded
	s.old.Lock()
	defer s.old.Unlock()
	call := &Call{partial: func([]byte) {}}
	next, err := s.readOld(message, call)
	if err == nil {
		var done bool
		if err, done = s.perform(0, s.shutdownGrace, call); !done {
			return
		}
		defer s.ended(0)
	}
	var frames []json.RawMessage
	if err == nil {
		frames, err = s.framesOld(call, next)
	}
	if err != nil {
		frames = []json.RawMessage{errorOf(err, true)}
	}
	writeOld(conn, frames...)
}

func (s *server) readOld(message []byte, call *Call) (next json.RawMessage, err error) {
	if err := checkJSON(message); err != nil {
		return nil, err
	}
	if call.Envelope, err = readUnique(message); err != nil {
		return nil, err
	}
	payload, there := call.Envelope["payload"]
	delete(call.Envelope, "payload")
	call.Payload = payload
	r, err := checkEnvelope(call.Envelope, there)
	if err != nil && (s.validate || len(r.Actors) == 0 || !there) {
		if s.validate {
			return nil, err
		}
		return nil, refuse("processing_error", "%v", err)
	}
	var members Object
	json.Unmarshal(call.Envelope["route"], &members)
	delete(members, "steps")
	members["actors"], _ = json.Marshal(r.Actors)
	members["current"] = json.RawMessage(strconv.Itoa(r.current() + 1))
	return json.Marshal(members)
}

// readUnique reads an object none of whose own members is there twice.
func readUnique(message []byte) (Object, error) {
	decoder := json.NewDecoder(bytes.NewReader(message))
	if start, _ := decoder.Token(); start != json.Delim('{') {
		return nil, refuse("msg_parsing_error", "Missing required field 'payload' in envelope")
	}
	object := Object{}
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, refuse("msg_parsing_error", "%v", err)
		}
		if _, twice := object[name.(string)]; twice {
			return nil, refuse("msg_parsing_error", "Duplicate field %q in envelope", name)
		}
		object[name.(string)] = value
	}
	return object, nil
}

func (s *server) framesOld(call *Call, next json.RawMessage) ([]json.RawMessage, error) {
	frames := []json.RawMessage{}
	for _, one := range call.frames {
		out := Object{"route": next}
		if headers, there := call.Envelope["headers"]; there {
			out["headers"] = headers
		}
		if s.mode == "envelope" {
			if err := s.checkAnswer(call, one); err != nil {
				return nil, err
			}
			out = one.envelope
		}
		out["payload"] = one.payload
		text, err := json.Marshal(out)
		if err != nil {
			return nil, refuse("processing_error", "the handler's result is not JSON: %v", err)
		}
		frames = append(frames, text)
	}
	return frames, nil
}

func writeOld(conn net.Conn, frames ...json.RawMessage) {
	body := append([]byte("["), bytes.Join(rawBytes(frames), []byte(","))...)
	body = append(body, ']')
	conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
}

func rawBytes(frames []json.RawMessage) [][]byte {
	parts := make([][]byte, len(frames))
	for i, one := range frames {
		parts[i] = one
	}
	return parts
}
