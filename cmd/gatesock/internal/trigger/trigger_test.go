package trigger

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a workbench whose requests a handler answers.
func serve(t *testing.T, h http.HandlerFunc) *Bench {
	t.Helper()
	server := httptest.NewServer(h)
	b, err := Open(server.URL+"/_gatesock/?token=secret", nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		b.Close()
		server.Close()
	})
	return b
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var got []string
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		_, _ = fmt.Fprint(body, r.Header.Get("Content-Type"))
		data := make([]byte, 1000)
		n, _ := r.Body.Read(data)
		got = append(got, strings.Join([]string{
			r.Method, r.URL.RequestURI(), body.String(), strings.TrimSpace(string(data[:n])), r.Header.Get("Authorization"),
		}, " "))
		_, _ = w.Write([]byte(`{"id":1,"status":200}`))
	})
	ctx := t.Context()
	c := Connection{ID: "a/b=", Stage: "chat/dev"}
	text := "<x>"
	require.NoError(t, b.Send(ctx, c, Message{Text: &text}))
	id, err := b.AddFault(ctx, map[string]any{"fault": "gone"})
	require.NoError(t, err)
	require.Equal(t, "1", id)
	require.NoError(t, b.Fire(ctx, "a b/c"))
	require.NoError(t, b.SendMessage(ctx, "q?", "x", "g"))
	require.NoError(t, b.RemoveFault(ctx, "1"))
	require.Equal(t, []string{
		`POST /_gatesock/api/connections/a%2Fb=/messages?stage=chat%2Fdev application/json {"text":"<x>"} Bearer secret`,
		`POST /_gatesock/api/faults application/json {"fault":"gone"} Bearer secret`,
		`POST /_gatesock/api/schedules/a%20b%2Fc   Bearer secret`,
		`POST /_gatesock/api/queues/q%3F application/json {"body":"x","group":"g"} Bearer secret`,
		`DELETE /_gatesock/api/faults/1   Bearer secret`,
	}, got)
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"another server": {http.NotFound, "what answers there, with 404 Not Found, is not one"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.test/", http.StatusFound)
		}, "302 Found"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, "its answer: invalid character"},
		"half of it": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, "its answer: unexpected EOF"},
	} {
		b := serve(t, c.answer)
		_, err := b.State(t.Context())
		var unreachable *Unreachable
		require.ErrorAs(t, err, &unreachable, name)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
	b := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":"no","status":403}`))
	})
	_, err := b.Connect(t.Context(), Handshake{})
	require.Equal(t, &Refusal{Code: 403, Text: "no", Status: 403}, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.State(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// TestCertificate trusts an authority that is given, and no other.
func TestCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	address := server.URL + "/_gatesock/?token=secret"
	b, err := Open(address, certificate)
	require.NoError(t, err)
	defer b.Close()
	_, err = b.State(t.Context())
	require.NoError(t, err)

	stranger, err := Open(address, nil)
	require.NoError(t, err)
	defer stranger.Close()
	_, err = stranger.State(t.Context())
	require.ErrorContains(t, err, "certificate signed by unknown authority")
}

func TestFrames(t *testing.T) {
	t.Parallel()
	const stream = `event: hello
data: {"seedText":"1"}

: a comment
id: i/1
event: entry
data: {"kind":"sent","connectionId":"a","body":"one"}

event: entry
data: {"kind":"sent","connectionId":"a","body":"dropped","error":"the buffer is full"}

event: entry
data: {"kind":"called","connectionId":"a","method":"POST","status":410,"body":"gone"}

event: entry
data: {"kind":"sent","connectionId":"other","body":"not mine"}

event: entry
data: {"kind":"called","connectionId":"b","method":"POST","status":200,"body64":"/w=="}

event: entry
data: {"kind":"called","connectionId":"a","method":"POST",
data: "status":200,"body":"two"}

event: entry
data: {"kind":"sent","connectionId":"a","body":"more than was asked for"}

`
	for _, c := range []struct {
		stream  string
		missing map[string]int
		want    []string
		says    string
	}{
		{stream, map[string]int{"a": 2, "b": 1}, []string{"a one", "b \xff", "a two"}, ""},
		{strings.ReplaceAll(stream, "\n", "\r\n"), map[string]int{"a": 1}, []string{"a one"}, ""},
		{stream, map[string]int{"b": 2}, []string{"b \xff"}, "the program has ended"},
		{
			"event: entry\ndata: {\"kind\":\"disconnected\",\"connectionId\":\"a\",\"connection\":3,\"code\":1001}\n\n",
			map[string]int{"a": 2},
			nil, "the connection #3 has ended with 1001, and 2 frames are missing",
		},
		{"event: dropped\ndata: {}\n\n", map[string]int{"a": 1}, nil, "frames may be missing"},
		{"event: entry\ndata: {\n\n", map[string]int{"a": 1}, nil, "an entry of the timeline: unexpected end of JSON input"},
	} {
		b := serve(t, func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "/_gatesock/api/stream?after=7", r.URL.RequestURI()) //nolint:testifylint // ends the answer
			_, _ = w.Write([]byte(c.stream))
		})
		since := State{}
		since.Kept.Last = 7
		var got []string
		err := b.Frames(t.Context(), since, c.missing, func(f Frame) error {
			got = append(got, f.ConnectionID+" "+f.Text+string(f.Data))
			return nil
		})
		require.Equal(t, c.want, got)
		if c.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.says)
		}
	}
	b := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(stream)) })
	full := errors.New("the disk is full")
	require.ErrorIs(t, b.Frames(t.Context(), State{}, map[string]int{"a": 1}, func(Frame) error { return full }), full)
}

// FuzzEvents reads any stream: events come whole, in order, and not without data.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{"", "data: a\n\n", "event: x\ndata: a\ndata: b\n\nevent: y\n\ndata:c\n", ": c\n\ndata\n\n", "data: \r\n\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\r", "") // JSON has none
		var all []string
		err := events(strings.NewReader(text), func(name, data string) error {
			require.NotContains(t, name, "\n")
			all = append(all, data)
			return nil
		})
		require.NoError(t, err)
		require.LessOrEqual(t, len(all), strings.Count(text, "data"))
		var again []string
		for _, data := range all {
			block := "data: " + strings.ReplaceAll(data, "\n", "\ndata: ") + "\n\n"
			require.NoError(t, events(strings.NewReader(block), func(_, data string) error {
				again = append(again, data)
				return nil
			}))
		}
		require.Equal(t, all, again)
	})
}
