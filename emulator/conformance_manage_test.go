package emulator

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// wellFormed is a well-formed id that no gateway has issued.
const wellFormed = "AAAAAAAAAAAAAAA="

// called is the response to an HTTP call.
type called struct {
	status int
	kind   string // x-amzn-ErrorType
	body   string
}

// call calls an address below the root of the server.
func (w *world) call(method, path, body string) called {
	w.t.Helper()
	return w.callWith(method, path, strings.NewReader(body))
}

// callWith is call with any body. A body of unknown length is sent in chunks.
func (w *world) callWith(method, path string, body io.Reader) called {
	w.t.Helper()
	c, _ := w.answerTo(method, path, body)
	return c
}

// answerTo is callWith with the headers of the response.
func (w *world) answerTo(method, path string, body io.Reader) (called, http.Header) {
	w.t.Helper()
	s := w.front.(*sockets).server(w)
	root := "http://" + strings.SplitN(s.URL, "/", 4)[2]
	r, err := http.NewRequestWithContext(context.Background(), method, root+path, body)
	require.NoError(w.t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return called{resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"), string(text)}, resp.Header
}

// callCase checks the response to a call. "{id}" in the path stands for the id of an open
// connection.
func callCase(mark, behavior string, cfg Config, method, path, body string, want called) conformanceCase {
	return conformanceCase{
		section: "§7", mark: mark, behavior: behavior, fronts: socketsOnly, config: cfg,
		check: func(w *world) {
			t := w.t
			p := w.connect()
			require.Equal(t, want, w.call(method, strings.ReplaceAll(path, "{id}", p.id), body))
			if method == http.MethodPost && want.status == http.StatusOK {
				require.Equal(t, body, w.frame(p))
			}
		},
	}
}

func managementCases() []conformanceCase {
	var (
		dev    = Config{Stage: "dev"}
		custom = Config{Stage: "dev", CustomDomain: true, BasePath: "api"}
		root   = Config{Stage: "dev", CustomDomain: true}
		ok     = called{status: 200}
		gone   = called{410, "GoneException", ""}
		forbid = called{403, "ForbiddenException", `{"message":"Forbidden"}`}

		upgradeRequired = called{426, "", `{"message":"Upgrade Required"}`}
	)
	noRoute := func(route, method string) called {
		return called{404, "NotFoundException", `{"message":"No method found matching route ` + route +
			` for http method ` + method + `."}`}
	}
	return append([]conformanceCase{
		callCase(documented, "POST returns 200 and sends the message", dev, "POST", "/dev/@connections/{id}", "hello é", ok),
		callCase(documented, "POST to an escaped path", dev, "POST", "/dev/%40connections/{id}", "hello", ok),
		callCase(observed, "GET returns 200 and what is known, with null for a missing userAgent", dev, "GET",
			"/dev/@connections/{id}", "",
			called{
				200, "",
				`{"connectedAt":"2026-03-01T11:59:59.999Z","identity":{"sourceIp":"127.0.0.1","userAgent":null},` +
					`"lastActiveAt":"2026-03-01T12:00:00.000Z"}`,
			}),
		callCase(documented, "DELETE returns 204", dev, "DELETE", "/dev/@connections/{id}", "", called{status: 204}),
		callCase(documented, "POST to an unknown id: 410, no body, the type in a header", dev, "POST",
			"/dev/@connections/"+wellFormed, "x", gone),
		callCase(documented, "GET of an unknown id: 410", dev, "GET", "/dev/@connections/"+wellFormed, "", gone),
		callCase(documented, "DELETE of an unknown id: 410", dev, "DELETE", "/dev/@connections/"+wellFormed, "", gone),
		callCase(observed, "a malformed id: 400", dev, "POST", "/dev/@connections/nope", "x",
			called{400, "BadRequestException", `{"message":"Invalid connectionId: nope"}`}),
		callCase(documented, "POST of more than 128 KB: 413", dev, "POST", "/dev/@connections/{id}",
			strings.Repeat("x", 128*kb+1),
			called{413, "PayloadTooLargeException", `{"message":"Payload is larger than 131072 bytes"}`}),
		callCase(documented, "POST of 128 KB arrives, in frames of at most 32 KB", dev, "POST", "/dev/@connections/{id}",
			strings.Repeat("x", 128*kb), ok),
		{
			section: "§7", mark: inferred, behavior: "with a custom domain, the API's name on AWS has the stage all the same",
			config: custom,
			check: func(w *world) {
				p := w.connect()
				post := func(endpoint string) error {
					to := gatesock.Target{Endpoint: endpoint, ConnectionID: p.id}
					return w.gw.Post(context.Background(), to, []byte(endpoint))
				}
				const onAWS = "https://localapi00.execute-api.us-east-1.amazonaws.com"
				for _, endpoint := range []string{"https://ws.example.com/api", onAWS + "/dev"} {
					require.NoError(w.t, post(endpoint))
					require.Equal(w.t, endpoint, w.frame(p))
				}
				require.ErrorIs(w.t, post(onAWS+"/api"), gatesock.ErrForbidden)
			},
		},
		{
			section: "§7", mark: unknown, behavior: "POST of more than 128 KB to an unknown id: 413, however it is sent",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				path, big := "/local/@connections/"+wellFormed, strings.Repeat("x", 128*kb+1)
				want := called{413, "PayloadTooLargeException", `{"message":"Payload is larger than 131072 bytes"}`}
				require.Equal(t, want, w.call("POST", path, big))
				require.Equal(t, want, w.callWith("POST", path, struct{ io.Reader }{strings.NewReader(big)}), "chunked")
				err := w.gw.Post(context.Background(), gatesock.Target{ConnectionID: wellFormed}, []byte(big))
				require.ErrorIs(t, err, gatesock.ErrTooLarge)
			},
		},
		callCase(unknown, "POST of data that is not UTF-8: 400", dev, "POST", "/dev/@connections/{id}", "\xff",
			called{400, "BadRequestException", `{"message":"emulator: posted data is not UTF-8"}`}),
		callCase(documented, "POST above the rate: 429", Config{Stage: "dev", Rate: 1, Burst: 1}, "POST",
			"/dev/@connections/{id}", "x",
			called{429, "LimitExceededException", `{"message":"Too Many Requests"}`}),
		callCase(observed, "without the stage: 403", dev, "POST", "/@connections/{id}", "x", forbid),
		callCase(inferred, "with another stage: 403", dev, "POST", "/prod/@connections/{id}", "x", forbid),
		callCase(observed, "with a custom domain the path has no stage", root, "POST", "/@connections/{id}",
			"x", ok),
		callCase(documented, "with a custom domain the path has the mapping's "+
			"key", custom, "POST", "/api/@connections/{id}", "x", ok),
		callCase(observed, "with a custom domain, with the stage: 404 and its text", root, "POST",
			"/test0/@connections/"+wellFormed, "x",
			noRoute("test0/@connections/"+wellFormed, "POST")),
		callCase(inferred, "with a custom domain, without the mapping's key: 403", custom, "POST", "/@connections/{id}",
			"x", forbid),
		callCase(inferred, "another method: 404", dev, "PUT", "/dev/@connections/"+wellFormed, "",
			noRoute("@connections/"+wellFormed, "PUT")),
		callCase(unknown, "a plain GET of the stage: 426", dev, "GET", "/dev", "", upgradeRequired),
		callCase(observed, "a plain GET of a path below the stage: 426", dev, "GET", "/dev/1700000000000", "",
			upgradeRequired),
		callCase(observed, "… also of a longer one", dev, "GET", "/dev/1700000000000/1700000000000", "", upgradeRequired),
		callCase(inferred, "… and of one without a connection id", dev, "GET", "/dev/@connections", "", upgradeRequired),
		{
			section: "§7", mark: observed,
			behavior: "POST and DELETE of a connection that has closed: 410", fronts: socketsOnly,
			check: func(w *world) {
				p := w.connect()
				p.close(1000, "")
				w.event("$disconnect")
				for _, method := range []string{"POST", "DELETE"} {
					require.Equal(w.t, gone, w.call(method, "/local/@connections/"+p.id, "x"))
				}
			},
		},
		{
			section: "§7", mark: observed, behavior: "every response has its own x-amzn-RequestId", fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				p := w.connect()
				seen := map[string]bool{}
				for _, c := range []struct{ method, path string }{
					{"POST", p.id}, {"GET", p.id}, {"GET", wellFormed}, {"POST", "nope"}, {"PUT", p.id}, {"DELETE", p.id},
				} {
					_, header := w.answerTo(c.method, "/local/@connections/"+c.path, nil)
					id := header.Get("x-amzn-RequestId")
					require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
					require.False(t, seen[id])
					seen[id] = true
				}
			},
		},
		{
			section: "§7", mark: inferred,
			behavior: "over HTTP/2 the 426 has no Upgrade header (RFC 9113, section 8.2.2)", fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				for _, major := range []int{1, 2} {
					server := httptest.NewUnstartedServer(w.gw)
					server.EnableHTTP2 = major == 2
					server.StartTLS()
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/local", nil)
					require.NoError(t, err)
					resp, err := server.Client().Do(r)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					server.Close()
					require.Equal(t, 426, resp.StatusCode)
					require.Equal(t, major, resp.ProtoMajor)
					require.Equal(t, major == 1, resp.Header.Get("Upgrade") != "")
				}
			},
		},
		{
			section: "§7", mark: inferred, behavior: "paths that are escaped once or twice mean the same",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				p := w.connect()
				id := strings.TrimSuffix(p.id, "=")
				for _, path := range []string{
					"/local/@connections/" + id + "%3D", "/local/%40connections/" + id + "%3D",
					"/local/%2540connections/" + id + "%253D",
				} {
					require.Equal(t, ok, w.call("POST", path, path))
					require.Equal(t, path, w.frame(p))
				}
			},
		},
	}, postCases()...)
}

// postCases check posts over both fronts.
func postCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "§7", mark: documented, behavior: "after the close: gone",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.close(1000, "")
				w.event("$disconnect")
				require.ErrorIs(t, w.post(p, "x"), gatesock.ErrGone)
			},
		},
		{
			section: "§7", mark: documented,
			behavior: "a client that does not read is throttled when its buffer is full, and stays connected",
			fronts:   socketsOnly, config: Config{OutboundBuffer: 128 * kb},
			check: func(w *world) {
				t := w.t
				path := "/local/@connections/" + dialSilent(t, w, w.front.(*sockets).server(w)).id
				big, answer := strings.Repeat("x", 128*kb), called{status: http.StatusOK}
				for range 1000 { // the system buffers far less
					if answer = w.call("POST", path, big); answer.status != http.StatusOK {
						break
					}
				}
				require.Equal(t, called{429, "LimitExceededException", `{"message":"Too Many Requests"}`}, answer)
				require.Equal(t, http.StatusOK, w.call("GET", path, "").status)
			},
		},
		{
			section: "§7", mark: documented, behavior: "lastActiveAt follows the traffic",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				w.clock.Advance(time.Minute)
				p.text("x")
				w.event("$default")
				info, err := w.gw.Info(context.Background(), gatesock.Target{ConnectionID: p.id})
				require.NoError(t, err)
				require.Equal(t, time.Minute+time.Millisecond, info.LastActiveAt.Sub(info.ConnectedAt))
			},
		},
		{
			section: "§7", mark: observed,
			behavior: "a post to an endpoint without the stage is forbidden, to one of another path unmatched",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				post := func(endpoint string) error {
					return w.gw.Post(context.Background(), gatesock.Target{ConnectionID: p.id, Endpoint: endpoint}, []byte("x"))
				}
				require.NoError(t, post("https://localapi00.execute-api.us-east-1.amazonaws.com/local"))
				require.ErrorIs(t, post("https://localapi00.execute-api.us-east-1.amazonaws.com"), gatesock.ErrForbidden)
				require.ErrorIs(t, post("http://localhost/local/more"), errNoRoute)
			},
		},
	}
}
