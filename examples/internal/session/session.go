// Package session records a session of the workbench's page for a test, and exports it as a test in
// Go. The time of the recording is that of a synctest bubble, so that it is the same each time.
package session

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// New makes the application that is recorded, which posts through api. The clock is that which the
// page moves.
type New func(api gatesock.ConnectionsAPI, now func() time.Time) lambda.Handler

// Page is the page of a workbench, which it uses by its HTTP API as scripts do.
type Page struct {
	t     *testing.T
	bench *workbench.Workbench
	gw    *emulator.Gateway
	app   lambda.Handler
	begun time.Time
	acted time.Time // when it last did something
}

// Record records what play does, and returns the source of the test. The names are those of the
// application's schedules.
func Record(
	t *testing.T, newApp New, begins workbench.TestTemplate, play func(p *Page), names ...string,
) (source []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &Page{t: t, begun: time.Now(), acted: time.Now()}
		bench, err := workbench.New(workbench.Config{Seed: 22, Test: begins, Sources: schedules{p, names}})
		p.check(err)
		p.bench = bench
		defer bench.Close(context.Background())
		stage := bench.Stage("dev")
		p.gw, err = emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
			p.app = newApp(api, bench.Clock().Now)
			return p.app, nil
		}, stage.Config(emulator.Config{Stage: "dev"}))
		p.check(err)
		p.check(stage.Attach(p.gw))
		defer func() { p.check(p.gw.Shutdown(context.Background())) }()
		play(p)
		source = p.do(http.MethodGet, "export/test", nil)
	})
	return source
}

// Compare compares a source with a file, or writes it.
func Compare(t *testing.T, file string, source []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, source, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != string(source) {
		t.Errorf("%s is not what the workbench exports now; run the test with -update:\n%s", file, source)
	}
}

// Connect opens a client, with the members of POST connections, and returns its number.
func (p *Page) Connect(opening map[string]any) (number string) {
	p.t.Helper()
	var out struct{ Connection int }
	p.decode(p.do(http.MethodPost, "connections", opening), &out)
	return fmt.Sprint("#", out.Connection)
}

// Send sends a message as a client, and waits until everything it causes has happened.
func (p *Page) Send(client, format string, args ...any) {
	p.t.Helper()
	p.do(http.MethodPost, "connections/"+url.PathEscape(client)+"/messages", map[string]any{"text": fmt.Sprintf(format, args...)})
	p.wait()
}

// CloseClient closes the connection of a client, as the client.
func (p *Page) CloseClient(client string, code int) {
	p.t.Helper()
	p.do(http.MethodPost, "connections/"+url.PathEscape(client)+"/close", map[string]any{"by": "client", "code": code})
	p.wait()
}

// AddFault adds a fault, and returns its id.
func (p *Page) AddFault(fault map[string]any) (id string) {
	p.t.Helper()
	var out struct{ ID string }
	p.decode(p.do(http.MethodPost, "faults", fault), &out)
	return out.ID
}

// RemoveFault removes a fault.
func (p *Page) RemoveFault(id string) {
	p.t.Helper()
	p.do(http.MethodDelete, "faults/"+id, nil)
}

// Advance moves the clock.
func (p *Page) Advance(d time.Duration) {
	p.t.Helper()
	p.do(http.MethodPost, "clock", map[string]any{"advance": d.String()})
	p.wait()
}

// Fire makes a schedule happen.
func (p *Page) Fire(schedule string) {
	p.t.Helper()
	p.do(http.MethodPost, "schedules/"+schedule, map[string]any{})
	p.wait()
}

// Ago returns a time before that of the clock which the page moves, as messages have it.
func (p *Page) Ago(d time.Duration) string {
	return p.bench.Clock().Now().Add(-d).UTC().Format(time.RFC3339Nano)
}

// wait waits until the application and the gateway have nothing to do.
func (p *Page) wait() {
	p.t.Helper()
	p.check(p.gw.Quiesce(p.t.Context()))
}

// think is how long people take between what they do.
const think = 1500 * time.Millisecond

// unhurried is how long what an application does takes at most, such as to try a post again after a
// time that it draws. The page then goes on at a multiple of it, so that each recording has the
// same times.
const unhurried = 5 * time.Second

// think lets time pass.
func (p *Page) think() {
	at := time.Now().Add(think)
	if waited := !time.Now().Equal(p.acted); waited {
		at = p.begun.Add((at.Sub(p.begun) + unhurried).Truncate(unhurried))
	}
	<-time.After(time.Until(at)) // in the bubble
	synctest.Wait()
	p.acted = time.Now()
}

// do sends a request to the workbench, which must succeed.
func (p *Page) do(method, path string, body any) []byte {
	p.t.Helper()
	p.think()
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		p.check(err)
		text = string(encoded)
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, "http://localhost/_gatesock/api/"+path, strings.NewReader(text))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Authorization", "Bearer "+p.bench.Token())
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	p.bench.Handler(nil).ServeHTTP(w, r)
	if w.Code >= http.StatusBadRequest {
		p.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func (p *Page) decode(text []byte, out any) {
	p.t.Helper()
	p.check(json.Unmarshal(text, out))
}

func (p *Page) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// schedules are those of an application.
type schedules struct {
	p     *Page
	names []string
}

func (s schedules) Schedules(context.Context) (all []workbench.Schedule) {
	for _, name := range s.names {
		all = append(all, workbench.Schedule{ID: name, Name: name})
	}
	return all
}

func (schedules) Queues(context.Context) []workbench.Queue { return nil }

func (s schedules) FireSchedule(ctx context.Context, id string) error {
	return Fire(ctx, s.p.app, id)
}

func (schedules) SendMessage(context.Context, string, string, string) error {
	return workbench.ErrUnknown
}

// Fire calls an application as a schedule does.
func Fire(ctx context.Context, app lambda.Handler, schedule string) error {
	_, err := app.Invoke(ctx, []byte(`{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{},`+
		`"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/example/`+schedule+`"]}`))
	return err
}
