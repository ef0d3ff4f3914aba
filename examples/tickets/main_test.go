package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

// world is the program on a free port, and a browser with its cookies.
type world struct {
	t             *testing.T
	page, address string
	browser       http.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	tickets := authz.NewTickets(authz.NewMemoryTickets())
	gateway, err := emulator.New(newApp(tickets), emulator.Config{Pages: newSite(tickets)})
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &world{t, "http" + server.URL[len("ws"):len(server.URL)-len("/local")], server.URL, http.Client{Jar: jar}}
}

// fetch makes a request of a page of the site, and returns the status and the body of the answer.
func (w *world) fetch(method, path string) (status int, body []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.page+path, nil)
	require.NoError(w.t, err)
	if method == http.MethodPost {
		req.Header.Set("Origin", w.page)
	}
	res, err := w.browser.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, body
}

// connect connects as a page of an origin.
func (w *world) connect(origin, ticket string) error {
	c, err := client.Connect(w.t.Context(), w.address,
		client.WithTicket(func(context.Context) (string, error) { return ticket, nil }),
		client.WithRequest(func(r *http.Request) error { r.Header.Set("Origin", origin); return nil }))
	if err != nil {
		return err
	}
	defer c.Close()
	who, err := client.Call[string](w.t.Context(), c, "whoami", nil)
	require.NoError(w.t, err)
	require.Equal(w.t, "ann", who)
	return nil
}

func TestTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ticket := func() string {
		status, body := w.fetch(http.MethodPost, "/ticket")
		require.Equal(t, http.StatusOK, status)
		var issued struct{ Ticket string }
		require.NoError(t, json.Unmarshal(body, &issued))
		return issued.Ticket
	}
	status, _ := w.fetch(http.MethodPost, "/ticket")
	require.Equal(t, http.StatusUnauthorized, status, "without a session")
	_, body := w.fetch(http.MethodGet, "/?user=ann")
	require.Equal(t, page, body)

	used := ticket()
	require.NoError(t, w.connect(w.page, used))
	var refused *client.RefusedError
	for what, err := range map[string]error{
		"a ticket that was used": w.connect(w.page, used),
		"that of another origin": w.connect("https://other.example.com", ticket()),
		"none":                   w.connect(w.page, "none"),
	} {
		require.ErrorAs(t, err, &refused, what)
		require.Equal(t, http.StatusUnauthorized, refused.StatusCode, what)
	}
	_, res, err := websocket.Dial(t.Context(), w.address, nil) //nolint:bodyclose // the library closes it
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
}
