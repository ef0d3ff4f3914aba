package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// stage returns a gateway whose handler answers messages with a name, and the domain in events.
func stage(t *testing.T, name string, cfg Config) *Gateway {
	t.Helper()
	cfg.Routes = routes("$connect", "$default!")
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Hosts = []string{"*"}
	g, err := New(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(name + " " + in.Context.Domain)
		return fmt.Appendf(nil, `{"statusCode":200,"body":%s}`, body), err
	}), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Shutdown(context.Background())) })
	return g
}

// page returns a handler that answers every request with a text.
func page(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}

const onAWS = ".execute-api.us-east-1.amazonaws.com"

// manyStages returns two stages of API a, one of b, and two mappings of a custom domain.
func manyStages(t *testing.T) (map[string]*Gateway, *Stages) {
	t.Helper()
	gateways := map[string]*Gateway{
		"a/dev":  stage(t, "a/dev", Config{APIID: "aaaaaaaaaa", Stage: "dev", Pages: page("a's page")}),
		"a/prod": stage(t, "a/prod", Config{APIID: "aaaaaaaaaa", Stage: "prod"}),
		"b/dev":  stage(t, "b/dev", Config{APIID: "bbbbbbbbbb", Stage: "dev", Pages: page("b's page")}),
		"root": stage(t, "root", Config{
			APIID: "cccccccccc", Stage: "live", CustomDomain: true, DomainName: "ws.example.com",
		}),
		"chat": stage(t, "chat", Config{
			APIID: "dddddddddd", Stage: "live", CustomDomain: true, DomainName: "ws.example.com", BasePath: "chat",
		}),
	}
	s, err := NewStages(gateways["a/dev"], gateways["a/prod"], gateways["b/dev"], gateways["root"], gateways["chat"])
	require.NoError(t, err)
	return gateways, s
}

// Host and path choose the gateway, also for clients over sockets, and events have the host.
func TestStages(t *testing.T) {
	t.Parallel()
	gateways, _ := manyStages(t)
	server, err := ServeStages(context.Background(), "127.0.0.1:0",
		gateways["a/dev"], gateways["a/prod"], gateways["b/dev"], gateways["root"], gateways["chat"])
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	at := strings.TrimPrefix(server.URLOf(gateways["root"]), "ws://")
	require.Equal(t, "ws://"+at+"/dev", server.URL)
	require.Equal(t, "http://"+at+"/prod", server.EndpointOf(gateways["a/prod"]))

	w := &world{t: t}
	for address, want := range map[string]string{
		"localhost/prod":                  "a/prod localhost",
		"aaaaaaaaaa.localhost:3001/dev":   "a/dev aaaaaaaaaa.localhost:3001",
		"bbbbbbbbbb.localhost:3001/dev":   "b/dev bbbbbbbbbb.localhost:3001",
		"bbbbbbbbbb" + onAWS + "/dev":     "b/dev bbbbbbbbbb" + onAWS,
		"BBBBBBBBBB" + onAWS + ":443/dev": "b/dev bbbbbbbbbb" + onAWS,
		"ws.example.com/chat":             "chat ws.example.com",
		"ws.example.com/":                 "root ws.example.com",
		"localhost/chat":                  "chat ws.example.com",
		"dddddddddd" + onAWS + "/live":    "chat dddddddddd" + onAWS,
		"cccccccccc" + onAWS + "/live":    "root cccccccccc" + onAWS,
		"bbbbbbbbbb" + onAWS + "/prod":    "403",
		"dddddddddd" + onAWS + "/chat":    "403",
		"localhost/dev":                   "421 aaaaaaaaaa.localhost, bbbbbbbbbb.localhost",
		"cccccccccc.localhost:3001/live/": "403",
	} {
		require.Equal(t, want, asked(w, at, address), address)
	}
}

// asked connects to the server at an address under another name, sends a message, and returns the
// answer, or the status of the refusal.
func asked(w *world, at, address string) string {
	u := mustURL(w.t, "ws://"+address)
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", at)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, conn.Close()) }()
	in, a := handshakeOver(w, conn, u, nil)
	if a.status != http.StatusSwitchingProtocols {
		var body struct{ Message string }
		require.NoError(w.t, json.Unmarshal([]byte(a.body), &body))
		_, hosts, _ := strings.Cut(body.Message, "hosts:")
		return strings.TrimSpace(fmt.Sprint(a.status, hosts))
	}
	_, err = conn.Write(masked(opText, true, "hi"))
	require.NoError(w.t, err)
	_, _, payload, err := readFrame(in)
	require.NoError(w.t, err)
	return string(payload)
}

// The calls of @connections find the connection, by endpoint or by its id.
func TestStagesCalls(t *testing.T) {
	t.Parallel()
	gateways, stages := manyStages(t)
	ctx := context.Background()
	peers := map[string]*peer{}
	for name, g := range gateways {
		p := &peer{frames: make(chan string, 10), ends: make(chan CloseStatus, 1)}
		s, err := g.Connect(ctx, Handshake{}, memoryClient{p})
		require.NoError(t, err)
		p.id = s.ID()
		peers[name] = p
	}
	post := func(host, path, id string) int {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost,
			"http://"+host+path+"/@connections/"+url.PathEscape(id), strings.NewReader("hi"))
		w := httptest.NewRecorder()
		stages.ServeHTTP(w, r)
		return w.Code
	}
	for name, p := range peers {
		require.NoError(t, stages.Post(ctx, gatesock.Target{ConnectionID: p.id}, []byte("no endpoint")))
		require.Equal(t, "no endpoint", <-p.frames, name)
		info, err := stages.Info(ctx, gatesock.Target{ConnectionID: p.id})
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", info.Identity.SourceIP)
	}
	b := peers["b/dev"]
	require.Equal(t, http.StatusOK, post("localhost", "/dev", b.id), "of two APIs with that stage, the one that has it")
	require.Equal(t, "hi", <-b.frames)
	require.Equal(t, http.StatusOK, post("bbbbbbbbbb"+onAWS, "/dev", b.id))
	require.Equal(t, http.StatusGone, post("aaaaaaaaaa"+onAWS, "/dev", b.id), "another API")
	require.Equal(t, http.StatusGone, post("localhost", "/prod", b.id), "another stage")
	require.Equal(t, http.StatusGone, post("localhost", "/dev", "AAAAAAAAAAAAAAA="))

	chat := peers["chat"]
	for _, endpoint := range []string{
		"https://ws.example.com/chat", "https://dddddddddd" + onAWS + "/live", "https://localhost/chat",
	} {
		require.NoError(t, stages.Post(ctx, gatesock.Target{Endpoint: endpoint, ConnectionID: chat.id}, []byte("x")), endpoint)
		require.Equal(t, "x", <-chat.frames)
	}
	require.ErrorIs(t, stages.Post(ctx,
		gatesock.Target{Endpoint: "https://dddddddddd" + onAWS + "/chat", ConnectionID: chat.id}, nil), gatesock.ErrForbidden)
	require.NoError(t, stages.Disconnect(ctx, gatesock.Target{ConnectionID: chat.id}))
	require.Equal(t, 1000, (<-chat.ends).Code)
}

// Other paths are for the pages: those of the API that the host names, or else the first.
func TestStagesPages(t *testing.T) {
	t.Parallel()
	gateways, _ := manyStages(t)
	stages, err := NewStages(gateways["a/prod"], gateways["a/dev"], gateways["b/dev"])
	require.NoError(t, err)
	for address, want := range map[string]string{
		"http://localhost/page":            "a's page",
		"http://bbbbbbbbbb.localhost/page": "b's page",
	} {
		w := httptest.NewRecorder()
		stages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		require.Equal(t, want, w.Body.String(), address)
	}
}

func TestNewStagesRefusesWhatNothingTellsApart(t *testing.T) {
	t.Parallel()
	mapped := Config{APIID: "x", CustomDomain: true, DomainName: "ws.example.com", BasePath: "a"}
	other := mapped
	other.APIID = "y"
	for want, gateways := range map[string][]*Gateway{
		"no gateway":    {},
		"a nil gateway": {nil},
		`two gateways of stage "local" of API "localapi00"`:  {stage(t, "", Config{}), stage(t, "", Config{})},
		`two gateways of the mapping "a" of domain "ws.exam`: {stage(t, "", mapped), stage(t, "", other)},
	} {
		_, err := NewStages(gateways...)
		require.ErrorContains(t, err, "emulator: NewStages: "+want)
		_, err = ServeStages(t.Context(), "127.0.0.1:0", gateways...)
		require.Error(t, err)
	}
}
