package gatesock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// logBuffer is the log of a router.
type logBuffer struct{ bytes.Buffer }

func (b *logBuffer) option() gatesock.Option {
	return gatesock.WithLogger(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// router empties the log and returns a router that writes to it.
func (b *logBuffer) router(opts ...gatesock.Option) *gatesock.Router {
	b.Reset()
	return gatesock.New(append(opts, b.option())...)
}

func TestOneWayRoutesNeverAnswer(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	r := log.router()
	gatesock.Handle(r, "typing", typed, gatesock.OneWay())
	gatesock.Handle(r, "broken", func(context.Context, *gatesock.Request, say) error {
		return errors.New("disk full")
	}, gatesock.OneWay())
	r.HandleFunc("talkative", func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Data: 1}, nil
	}, gatesock.OneWay())
	for _, key := range []string{"typing", "broken", "talkative"} {
		for _, routeKey := range []string{key, "$default"} {
			for _, body := range []string{`{"action":"` + key + `","id":"1"}`, `{"action":"` + key + `"}`, `{"action":"` + key + `","id":7}`} {
				require.Equal(t, response{StatusCode: 200}, invoke(t, r, message(routeKey, body)), body)
			}
		}
	}
	require.Contains(t, log.String(), `error="disk full"`)
	require.Contains(t, log.String(), `level=WARN msg="gatesock: the route is one-way, so the reply of its handler is not sent" routeKey=talkative`)

	r = log.router()
	r.HandleFunc("silent", func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Silent: true}, nil
	}, gatesock.OneWay())
	require.Equal(t, response{StatusCode: 200}, invoke(t, r, message("silent", `{}`)))
	require.Empty(t, log.String())
}

// TestSilence has the messages that ordinary routes do not answer.
func TestSilence(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	for key, reply := range map[string]*gatesock.Reply{"silent": {Silent: true}, "empty": {Frame: []byte{}}} {
		r.HandleFunc(key, func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return reply, nil })
	}
	for _, key := range []string{"silent", "empty"} {
		require.Equal(t, response{StatusCode: 200}, invoke(t, r, message(key, `{"id":"1"}`)), key)
	}
}

// TestRawRoutes uses protocols without the envelope.
func TestRawRoutes(t *testing.T) {
	t.Parallel()
	type call struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  string          `json:"method"`
	}
	r := gatesock.New(quiet())
	r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		var in call
		if err := json.Unmarshal(req.Body, &in); err != nil {
			return &gatesock.Reply{Frame: []byte("broken: " + string(req.Body))}, nil
		}
		switch in.Method {
		case "notify":
			return nil, nil
		case "fail":
			return nil, gatesock.Errorf(gatesock.CodeNotFound, "no room")
		}
		return &gatesock.Reply{Data: map[string]any{"jsonrpc": "2.0", "id": in.ID, "result": in.Method}}, nil
	}, gatesock.Raw())
	gatesock.HandleReply(r, "ocpp", func(_ context.Context, _ *gatesock.Request, in []json.RawMessage) ([]any, error) {
		return []any{3, in[1], struct{}{}}, nil
	}, gatesock.Raw())
	words := func(_ context.Context, _ *gatesock.Request, in *string) (string, error) { return *in + "!", nil }
	gatesock.HandleReply(r, "words", words, gatesock.Raw(), gatesock.WithCodec(plainCodec{}))
	gatesock.Handle(r, "mute", func(context.Context, *gatesock.Request, any) error { return nil }, gatesock.Raw())
	gatesock.Handle(r, "strict", typed, gatesock.Raw(), gatesock.StrictDecoding())
	for _, tt := range []struct{ route, body, want string }{
		{"strict", `{"id":"1"}`, `{"id":"1","action":"strict","error":{"code":"invalid_argument","message":"unknown member \"id\""}}`},
		{"$default", `{"jsonrpc":"2.0","id":1,"method":"sum"}`, `{"id":1,"jsonrpc":"2.0","result":"sum"}`},
		{"$default", `{"jsonrpc":"2.0","id":"1","method":"notify"}`, ``},
		{"$default", `{"jsonrpc":"2.0","id":{},"method":"notify"}`, ``},
		{"$default", `hello`, `broken: hello`},
		{"$default", ``, `broken: `},
		{"$default", `{"id":"1","method":"fail"}`, `{"id":"1","action":"$default","error":{"code":"not_found","message":"no room"}}`},
		{"ocpp", `[2,"19223201","BootNotification",{}]`, `[3,"19223201",{}]`},
		{"ocpp", `{}`, `{"action":"ocpp","error":{"code":"invalid_argument","message":"the message must be an array, not an object"}}`},
		{"mute", `{"id":7}`, ``},
		{"mute", `null`, ``},
		{"words", `hello`, `hello!`},
		{"words", `empty`, `{"action":"words","error":{"code":"internal","message":"internal error"}}`},
		{"words", `bad`, `{"action":"words","error":{"code":"invalid_argument","message":"the message could not be decoded"}}`},
	} {
		require.Equal(t, tt.want, frame(t, r, message(tt.route, tt.body)), tt.body)
	}
}

// plainCodec is not for JSON.
type plainCodec struct{}

func (plainCodec) Marshal(v any) ([]byte, error) {
	text, _ := v.(string)
	if text == "empty!" {
		return nil, nil
	}
	return []byte(text), nil
}

func (plainCodec) Unmarshal(b []byte, v any) error {
	s, ok := v.(*string)
	if !ok || string(b) == "bad" {
		return errors.New("not a *string")
	}
	*s = string(b)
	return nil
}

func TestErrorFrames(t *testing.T) {
	t.Parallel()
	rpc := func(req *gatesock.Request, err *gatesock.Error) []byte {
		switch req.Action {
		case "panic":
			panic("boom")
		case "silent":
			return nil
		case "huge":
			return []byte(strings.Repeat("x", gatesock.MaxMessageSize+1))
		}
		return []byte(`{"jsonrpc":"2.0","error":"` + string(err.Code) + `"}`)
	}
	log := new(logBuffer)
	r := log.router(gatesock.WithErrorFrame(rpc))
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, errors.New("broken")
	}, gatesock.Raw())
	gatesock.Handle(r, "plain", typed, gatesock.WithErrorFrame(func(*gatesock.Request, *gatesock.Error) []byte {
		return []byte("own")
	}))
	for body, want := range map[string]string{
		`{}`:                  `{"jsonrpc":"2.0","error":"internal"}`,
		`{"action":"silent"}`: ``,
		`{"action":"panic"}`:  `{"action":"panic","error":{"code":"internal","message":"internal error"}}`,
		`{"action":"huge"}`:   `{"action":"huge","error":{"code":"internal","message":"the error is too large to be sent"}}`,
	} {
		require.Equal(t, want, frame(t, r, message("$default", body)))
	}
	require.Contains(t, log.String(), "boom")
	require.Equal(t, "own", frame(t, r, message("plain", `[]`)))
	require.Equal(t, `{"jsonrpc":"2.0","error":"not_found"}`,
		frame(t, gatesock.New(quiet(), gatesock.WithErrorFrame(rpc)), message("$default", `{"action":"nope"}`)))
}

// pointerCodec refuses a pointer to a pointer.
type pointerCodec struct {
	gatesock.JSON
	seen *[]any
}

func (c pointerCodec) Unmarshal(b []byte, v any) error {
	*c.seen = append(*c.seen, v)
	return c.JSON.Unmarshal(b, v)
}

// TestCodecsGetAPointer has a codec for generated messages: it needs a method of its target, which
// a **T does not have.
func TestCodecsGetAPointer(t *testing.T) {
	t.Parallel()
	type named *say
	var seen []any
	r := gatesock.New(gatesock.WithCodec(pointerCodec{seen: &seen}))
	var got []any
	gatesock.Handle(r, "pointer", func(_ context.Context, _ *gatesock.Request, in *say) error {
		got = append(got, in)
		return nil
	})
	gatesock.Handle(r, "named", func(_ context.Context, _ *gatesock.Request, in named) error {
		got = append(got, (*say)(in))
		return nil
	})
	gatesock.Handle(r, "value", func(_ context.Context, _ *gatesock.Request, in say) error {
		got = append(got, &in)
		return nil
	})
	for _, key := range []string{"pointer", "named", "value"} {
		require.Empty(t, frame(t, r, message(key, `{"room":"a"}`)))
	}
	want := []any{&say{Room: "a"}, &say{Room: "a"}, &say{Room: "a"}}
	require.Equal(t, want, seen)
	require.Equal(t, want, got)
}
