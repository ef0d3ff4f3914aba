//go:build !race && unix

package dev

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/trigger"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// besideText are resources of a template that has the function Chat.
const besideText = `  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Chat}
  Tick:
    Type: AWS::Events::Rule
    Properties: {Name: tick, ScheduleExpression: rate(5 minutes), Targets: [{Arn: !GetAtt Chat.Arn, Id: t}]}
`

// running returns what other commands see of the application.
func (a *app) running() Running {
	a.t.Helper()
	all, err := AllRunning(a.o.Cache)
	require.NoError(a.t, err)
	require.Len(a.t, all, 1)
	return all[0]
}

// timeline is the workbench of an application, with what it has recorded.
type timeline struct {
	*trigger.Bench
	t       *testing.T
	address string
}

func (a *app) workbench() timeline {
	a.t.Helper()
	address := a.running().Workbench
	certificate, err := intercept.UserCertificate(a.o.Config)
	require.NoError(a.t, err)
	b, err := trigger.Open(address, certificate)
	require.NoError(a.t, err)
	a.t.Cleanup(b.Close)
	return timeline{b, a.t, address}
}

func (b timeline) state() trigger.State {
	b.t.Helper()
	s, err := b.State(b.t.Context())
	require.NoError(b.t, err)
	return s
}

// until waits until an entry is there, and returns it.
func (b timeline) until(what string, is func(workbench.Entry) bool) workbench.Entry {
	b.t.Helper()
	base, token, _ := strings.Cut(b.address, "?token=")
	for {
		r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, base+"api/entries", nil)
		require.NoError(b.t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(b.t, err)
		var got struct{ Entries []workbench.Entry }
		err = json.NewDecoder(answer.Body).Decode(&got)
		_ = answer.Body.Close()
		require.NoError(b.t, err)
		for _, e := range got.Entries {
			if is(e) {
				return e
			}
		}
		require.NoError(b.t, b.t.Context().Err(), "there is no %s", what)
	}
}

func noted(kind, text string) func(workbench.Entry) bool {
	return func(e workbench.Entry) bool {
		return e.Kind == "note" && e.Level == kind && strings.Contains(e.Text, text)
	}
}

// TestWorkbench goes through a life of the workbench: before anything runs, with the application,
// through changes of it, and over a restart.
func TestWorkbench(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.o.Seed = 7
	template := filepath.Join(a.folder, "template.yaml")
	write(t, "Resources:\n  Chat: [", template)
	ready := make(chan Address, 1)
	a.o.Ready = func(all []Address) { ready <- all[0] }
	a.start()
	page := a.announced()
	a.status(page, func(s status) bool { return s.State == "failed" })

	// It answers while nothing runs, and says why.
	b := a.workbench()
	first := b.state()
	require.Equal(t, "7", first.Seed)
	require.Empty(t, first.Stages)
	require.Equal(t, "machine", first.FunctionsClock)
	b.until("trouble", noted("error", "template.yaml"))
	_, err := b.Connect(t.Context(), trigger.Handshake{})
	require.ErrorContains(t, err, "No stage runs yet")

	a.answers("log")
	write(t, templateText("hello")+besideText, template)
	a.at = <-ready
	state := b.state()
	require.Equal(t, []trigger.Stage{{Name: "test", URL: a.at.URL}}, state.Stages)
	require.Len(t, state.Schedules, 1)
	require.Equal(t, "Tick tick rate(5 minutes)",
		state.Schedules[0].ID+" "+state.Schedules[0].Name+" "+state.Schedules[0].Expression)
	require.Equal(t, "jobs", state.Queues[0].Name)

	// The lines of a function belong to the message that they are about.
	c, err := b.Connect(t.Context(), trigger.Handshake{})
	require.NoError(t, err)
	text := `{"action":"hello"}`
	require.NoError(t, b.Send(t.Context(), c, trigger.Message{Text: &text}))
	var frames []string
	require.NoError(t, b.Frames(t.Context(), state, map[string]int{c.ID: 2}, func(f trigger.Frame) error {
		frames = append(frames, f.Text)
		return nil
	}))
	require.Equal(t, []string{"posted", "log"}, frames)
	received := b.until("message", func(e workbench.Entry) bool { return e.Kind == "received" })
	line := b.until("line", func(e workbench.Entry) bool { return strings.Contains(e.Text, "handling hello") })
	require.Equal(t, received.RequestID, line.RequestID)
	require.Equal(t, c.ID, line.ConnectionID)
	require.Equal(t, uint64(1), line.Connection)
	require.Equal(t, "INFO", line.Level)
	require.Equal(t, "Chat", line.Function)
	post := b.until("post", func(e workbench.Entry) bool { return e.Kind == "called" })
	require.Equal(t, received.RequestID, post.RequestID)

	// What is beside the API follows the clock of the workbench, and can be triggered.
	_, err = b.Advance(t.Context(), 6*time.Minute)
	require.NoError(t, err)
	b.until("schedule", noted("schedule", "Tick ⇒ "))
	require.NoError(t, b.Fire(t.Context(), "Tick"))
	require.ErrorContains(t, b.Fire(t.Context(), "Tock"), "Tock")
	require.NoError(t, b.SendMessage(t.Context(), "jobs", "x", ""))
	b.until("delivery", noted("queue", "jobs ⇒ "))

	// A stage that the template drops is gone, and so is its client.
	write(t, strings.ReplaceAll(templateText("hello")+besideText, "StageName: test", "StageName: next"), template)
	a.status(page, func(s status) bool { return s.State == "ready" && s.Addresses[0].Stage == "next" })
	b.until("end", func(e workbench.Entry) bool { return e.Kind == "disconnected" && e.ConnectionID == c.ID })
	b.until("reload", noted("reload", "reloaded in "))
	require.Equal(t, "next", b.state().Stages[0].Name)

	// What everybody may read who reaches the port has no token.
	token := strings.SplitAfter(b.address, "token=")[1]
	for _, path := range []string{"", "_gatesock/", own[1:] + "page.js"} {
		require.NotContains(t, fetch(t, page+path), token)
	}
	shown, err := json.Marshal(a.status(page, func(status) bool { return true }))
	require.NoError(t, err)
	require.NotContains(t, string(shown), token)
	require.Contains(t, string(shown), `"workbench":true`)

	// The same address opens it after a restart.
	a.end()
	require.Contains(t, a.out.String(), "  workbench  "+b.address+"\n")
	require.Contains(t, a.out.String(), "  seed       7; --seed 7 makes")
	_, err = b.State(t.Context())
	var unreachable *trigger.Unreachable
	require.ErrorAs(t, err, &unreachable)
	a.o.Seed, a.o.TLS = 0, true
	a.run()
	again := a.workbench()
	require.True(t, strings.HasPrefix(again.address, "https://localhost:"), again.address)
	require.Equal(t, token, strings.SplitAfter(again.address, "token=")[1])
	second := again.state()
	require.NotEqual(t, first.Instance, second.Instance)
	require.Equal(t, a.at.TLS, second.Stages[0].URL)
	require.NotEqual(t, "0", second.Seed, "one was drawn")
	a.end()
	kept, err := filepath.Glob(filepath.Join(a.o.Cache, "workbench", "*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	info, err := os.Stat(kept[0])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// askedProcess is a function that keeps the id that Lambda has given the last event.
type askedProcess struct {
	fakeProcess

	id string
}

func (f *askedProcess) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	f.id = lc.AwsRequestID
	return nil, nil
}

func TestRequests(t *testing.T) {
	t.Parallel()
	r := newRequests()
	f := new(askedProcess)
	u := newUnit(&f.fakeProcess, time.Second)
	u.requests, u.proc = r, f
	_, err := handler{u}.Invoke(t.Context(), message("c", "1"))
	require.NoError(t, err)
	require.Equal(t, origin{"c", "1"}, r.of(f.id))
	require.Equal(t, origin{request: "of a queue"}, r.of("of a queue"))
	_, err = handler{u}.Invoke(context.Background(), []byte(`{"Records":[]}`))
	require.NoError(t, err)
	require.Equal(t, origin{request: f.id}, r.of(f.id))
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"level":"info"}`: "INFO", `{"level":30}`: "", `{"msg":"x"}`: "", "plain": "", "a\tb\tc\td": "",
		"2026-11-28T08:00:00.000Z\tid\tERROR\tit failed\twith tabs": "ERROR",
	} {
		require.Equal(t, want, levelOf(runtimeapi.Line{Text: text, JSON: strings.HasPrefix(text, "{")}), text)
	}
	require.Equal(t, "WARN", levelOf(runtimeapi.Line{Stream: runtimeapi.Platform}))
}

func TestCloudNotes(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]cloud.Event{
		"jobs ⇒ worker  3 records":   {Source: "arn:aws:sqs:us-east-1:123456789012:jobs", Target: "arn:aws:lambda:us-east-1:123456789012:function:worker", Attempts: 1, Records: 3, Duration: time.Second},
		"⇒ F  attempt 2  failed: no": {Target: "F", Attempts: 2, Err: errNo{}},
		"a sentence":                 {Text: "a sentence"},
		"from to":                    {Source: "from", Target: "to"},
	} {
		require.Equal(t, want, cloudNote(e))
	}
}

type errNo struct{}

func (errNo) Error() string { return "no" }
